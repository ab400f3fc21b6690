"""Asynchronous client of the calls that a service makes while it answers a request."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from latchkey import headers
from latchkey.client.address import server_url
from latchkey.client.async_sender import AsyncSender
from latchkey.client.async_transport import AsyncTransport
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
from latchkey.client.health import Health
from latchkey.client.limits import AsyncLimits
from latchkey.client.pending_reservation import PendingReservation
from latchkey.client.reservations import AsyncReservations, reserve_options
from latchkey.client.verification import Verification
from latchkey.credentials import Credential


class AsyncClient(BaseClient[AsyncTransport]):
    """Client for one server and the key that calls it, within one event loop. Close it, or use it in an `async with`.

    It has the calls that a service makes while it answers a request; for the others, use `Client`. The arguments are
    those of `Client`, and the calls raise the same errors. No call is repeated.
    """

    def __init__(
        self,
        url: str,
        api_key: str | Credential | None = None,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_connections: int = DEFAULT_CONNECTIONS,
        api_key_header: str = headers.API_KEY,
        observe: AttemptObserver = ignore_attempt,
    ) -> None:
        address = server_url(url)
        credential = own_credential(api_key)
        self._transport = AsyncTransport(
            http=AsyncSender(address, max_connections=max_connections),
            url=address,
            credential=credential,
            timeout_seconds=timeout_seconds,
            observe=observe,
            api_key_header=api_key_header,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, including those of clients that were derived from this one."""
        await self._transport.http.close()

    async def whoami(self) -> CallingKey:
        """Return the calling key."""
        return CallingKey.read(Document(await self._transport.call("GET", "/v1/whoami"), "caller"))

    @property
    def limits(self) -> AsyncLimits:
        """Return the calls about the limits of a key or an owner: what is used of them, and adjustments."""
        return AsyncLimits(self._transport)

    @property
    def reservations(self) -> AsyncReservations:
        """Return the calls about reservations by their IDs: settle, extend, cancel."""
        return AsyncReservations(self._transport)

    async def verify(
        self,
        credential: Credential,
        *,
        scopes: Sequence[str] = (),
        cost: int = 1,
        costs: Mapping[str, int] | None = None,
        request_id: str | None = None,
    ) -> Verification:
        """Return what `Client.verify` returns. Raises the same errors."""
        sent = verify_options(credential, scopes, cost, costs, request_id)
        return Verification.of_result(await self._transport.receive("POST", VERIFY_PATH, **sent))

    def reserve(
        self,
        credential: Credential,
        *,
        scopes: Sequence[str] = (),
        cost: int = 1,
        costs: Mapping[str, int] | None = None,
        ttl: int = 60,
    ) -> PendingReservation:
        """Return a reservation that is made once it's entered, as in `async with client.reserve(…) as reservation`, or
        awaited. That raises the errors of `Client.reserve`.
        """
        sent = reserve_options(credential, scopes, cost, costs, ttl, repeatable=False)
        return PendingReservation(self._transport, sent)

    async def health(self) -> Health:
        """Return whether the server is healthy. Needs no key."""
        # A server that is down or stopping responds with 503: that is a result here, not a failure.
        return Health.read(Document(await self._transport.call("GET", "/health", accepted_statuses=(503,)), "health"))
