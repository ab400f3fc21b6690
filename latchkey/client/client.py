"""Client of Latchkey's API, with types."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from latchkey import headers
from latchkey.client.address import server_url
from latchkey.client.attempt import AttemptObserver, ignore_attempt
from latchkey.client.base import (
    DEFAULT_CONNECTIONS,
    DEFAULT_TIMEOUT_SECONDS,
    VERIFY_PATH,
    BaseClient,
    own_credential,
    verify_options,
)
from latchkey.client.calling_key import CallingKey
from latchkey.client.document import Document
from latchkey.client.events import Events
from latchkey.client.failures import WrongServer
from latchkey.client.health import Health, HealthReport
from latchkey.client.keys import Keys, key_path
from latchkey.client.limits import Limits
from latchkey.client.override import Overrides
from latchkey.client.owners import Owners
from latchkey.client.plans import Plans
from latchkey.client.reservation import Reservation
from latchkey.client.reservations import PATH as RESERVATIONS_PATH
from latchkey.client.reservations import Reservations, reserve_options
from latchkey.client.retries import NO_RETRIES, RetryPolicy
from latchkey.client.sender import Sender
from latchkey.client.transport import Transport
from latchkey.client.usage import Usage
from latchkey.client.verification import Verification
from latchkey.client.waiver import Waivers
from latchkey.client.webhooks import Webhooks
from latchkey.credentials import Credential
from latchkey.timestamps import rfc3339


class Client(BaseClient[Transport]):
    """Client for one server and the key that calls it. Close it, or use it in a `with`.

    `url` is the server's address, `api_key` the text `key_id:secret` or `key_id.secret`; without a key only
    `health` works. `api_key_header` is one of the server's CREDENTIAL_HEADERS. `timeout_seconds` is for each
    attempt of a call as a whole: to connect, to send, and to read the whole response.

    No call waits by default: if the calling key's own limit is exceeded, the call raises CallingKeyThrottled,
    which has the seconds to wait. With `retries`, such as `RetryPolicy(attempts=3, total_seconds=5)`, the client
    sleeps and calls again. `observe` is called with each attempt; `sleep` waits between two of them.

    All threads can share one client. It has at most `max_connections` connections; a call that finds all of them in
    use waits for one, within its timeout.

    Raises ValueError if `url` isn't an address, and MalformedCredential if `api_key` isn't a credential. Each
    method raises ClientError, and ValueError for a text that isn't a key ID.
    """

    def __init__(
        self,
        url: str,
        api_key: str | Credential | None = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_connections: int = DEFAULT_CONNECTIONS,
        api_key_header: str = headers.API_KEY,
        retries: RetryPolicy = NO_RETRIES,
        observe: AttemptObserver = ignore_attempt,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        address = server_url(url)
        credential = own_credential(api_key)
        self._transport = Transport(
            http=Sender(address, max_connections=max_connections),
            url=address,
            credential=credential,
            timeout_seconds=timeout_seconds,
            retries=retries,
            observe=observe,
            api_key_header=api_key_header,
            sleep=sleep,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, including those of clients that were derived from this one."""
        self._transport.http.close()

    def with_retries(self, retries: RetryPolicy) -> "Client":
        """Return the same client with another retry policy."""
        return self._with(retries=retries)

    @property
    def keys(self) -> Keys:
        """Return the calls about keys: list, show, create, change, rotate, revoke."""
        return Keys(self._transport)

    @property
    def events(self) -> Events:
        """Return the calls about the event log: pages, and the live stream."""
        return Events(self._transport)

    @property
    def webhooks(self) -> Webhooks:
        """Return the calls about webhooks: list, show, create, change, test, and their deliveries."""
        return Webhooks(self._transport)

    @property
    def waivers(self) -> Waivers:
        """Return the calls about waivers: list, grant, end."""
        return Waivers(self._transport)

    @property
    def plans(self) -> Plans:
        """Return the calls about plans: list, show, create, change, remove."""
        return Plans(self._transport)

    @property
    def owners(self) -> Owners:
        """Return the calls about owners: list, show, create, change, remove."""
        return Owners(self._transport)

    @property
    def overrides(self) -> Overrides:
        """Return the calls about overrides: list, grant, end."""
        return Overrides(self._transport)

    @property
    def limits(self) -> Limits:
        """Return the calls about the limits of a key or an owner: what is used of them, and adjustments."""
        return Limits(self._transport)

    @property
    def reservations(self) -> Reservations:
        """Return the calls about reservations by their IDs: settle, extend, cancel."""
        return Reservations(self._transport)

    def whoami(self) -> CallingKey:
        """Return the calling key."""
        return CallingKey.read(Document(self._transport.call("GET", "/v1/whoami"), "caller"))

    def usage(
        self,
        key_id: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step: str | None = None,
    ) -> list[Usage]:
        """Return the key's usage by `step`: minute, hour or day. The default is the last 24 hours, by hour.

        Without a key ID, return that of the calling key, which needs no scope.
        """
        query = {"since": since and rfc3339(since), "until": until and rfc3339(until), "step": step}
        params = {name: value for name, value in query.items() if value}
        response = self._transport.call(
            "GET", f"{'/v1/whoami' if key_id is None else key_path(key_id)}/usage", params=params
        )
        if not isinstance(response, list):
            raise WrongServer("The response has no list of usage.")
        return [Usage.read(Document(step, "usage")) for step in response]

    def verify(
        self,
        credential: Credential,
        *,
        scopes: Sequence[str] = (),
        cost: int = 1,
        costs: Mapping[str, int] | None = None,
        request_id: str | None = None,
    ) -> Verification:
        """Return whether `credential` is valid, holds `scopes`, and has `cost` tokens, which are taken.

        `costs` are those in other units of its plan, by unit; all of them are taken, or nothing. Instead of `cost`,
        they may name that of the unit `requests`. `request_id` is that of this call, as with `with_request_id`.

        Raises CallingKeyThrottled if the limit of the calling key is exceeded. Nothing is known about `credential`
        then, so deny it. If the limit of `credential` is exceeded, the result's code is RATE_LIMITED.
        """
        sent = verify_options(credential, scopes, cost, costs, request_id)
        return Verification.of_result(self._transport.receive("POST", VERIFY_PATH, **sent))

    def reserve(
        self,
        credential: Credential,
        *,
        scopes: Sequence[str] = (),
        cost: int = 1,
        costs: Mapping[str, int] | None = None,
        ttl: int = 60,
    ) -> Reservation:
        """Verify `credential` like `verify`, and reserve the estimated costs of work for `ttl` seconds (1 to 3600).

        Settle it by what the work cost: `with client.reserve(credential, costs={"tokens": 800}) as reservation: …;
        reservation.settle(tokens=512)`. A block that ends otherwise cancels it.

        With `retries`, the call has an Idempotency-Key, so that it reserves once even if its response is lost. Raises
        NotReserved if the credential isn't valid or a limit of its key refuses, and what `verify` raises.
        """
        repeatable = self._transport.retries.attempts > 1
        sent = reserve_options(credential, scopes, cost, costs, ttl, repeatable=repeatable)
        result = self._transport.receive("POST", RESERVATIONS_PATH, **sent)
        return Reservation.of_result(result, self.reservations)

    def health(self) -> Health:
        """Return whether the server is healthy. Needs no key."""
        # A server that is down or stopping responds with 503: that is a result here, not a failure.
        return Health.read(Document(self._transport.call("GET", "/health", accepted_statuses=(503,)), "health"))

    def health_full(self) -> HealthReport:
        """Return everything that the server reports about its health."""
        return HealthReport.read(Document(self._transport.call("GET", "/health/full"), "health report"))
