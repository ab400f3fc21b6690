"""What decides about a request to the gateway: an authenticator that may wait, or one of the event loop."""

from typing import Protocol

from apikeys.credential_check import Verified
from latchkey.credentials import Credential
from ratelimit.costs import Costs
from ratelimit.decision import Decision


class DecidingAuthenticator(Protocol):
    """The methods of `apikeys.authenticator.Authenticator` that decide about a request."""

    def authenticate_and_charge(
        self, credential: Credential, address: str, costs: Costs, /
    ) -> tuple[Verified, Decision]:
        """Authenticate the credential and take `costs`."""

    def reauthenticate(self, credential: Credential, /, *, refresh: bool) -> Verified:
        """Authenticate the credential. A failure is neither counted nor charged."""

    def charge(self, verified: Verified, address: str | None, costs: Costs, /) -> tuple[Verified, Decision]:
        """Take `costs`."""
