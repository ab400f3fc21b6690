"""Pending authentication: one of several credentials that are authenticated together."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error

from apikeys.credential_check import Verified
from latchkey.credentials import Credential
from latchkey.problems import ProblemError
from ratelimit.stores import BucketStoreError

AuthenticationResult = Verified | ProblemError | Error | BucketStoreError
"""Result of an authentication: the verified credential, or the error that prevented it."""


@dataclass(slots=True)
class PendingAuthentication:
    """A credential with its result, which is None until the credential is authenticated.

    `paid` says whether `address` was already charged.
    """

    credential: Credential
    address: str = ""
    paid: bool = False
    result: AuthenticationResult | None = None

    @property
    def final_result(self) -> AuthenticationResult:
        """Return the result. Raises TypeError if there is none yet."""
        if self.result is None:
            raise TypeError("the credential is not authenticated yet")
        return self.result

    def resolve(self, authenticate: Callable[[], Verified | None]) -> None:
        """Store what `authenticate` returns or raises as the result."""
        try:
            self.result = authenticate()
        except (ProblemError, Error, BucketStoreError) as error:
            self.result = error


def verified_or_raise(result: AuthenticationResult) -> Verified:
    """Return the verified credential, or raise the error that is there instead."""
    if isinstance(result, Exception):
        raise result
    return result
