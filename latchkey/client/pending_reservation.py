"""Reservation that an AsyncClient has yet to make: awaited, or entered as a block."""

from collections.abc import Generator
from types import TracebackType
from typing import Any

from latchkey.client.async_transport import AsyncTransport
from latchkey.client.exchange import CallOptions
from latchkey.client.reservation import AsyncReservation
from latchkey.client.reservations import PATH, AsyncReservations


class PendingReservation:
    """What `AsyncClient.reserve` returns. `async with` reserves and cancels; `await` only reserves.

    Both raise what `Client.reserve` raises.
    """

    def __init__(self, transport: AsyncTransport, sent: CallOptions) -> None:
        self._transport = transport
        self._sent = sent
        self._made: AsyncReservation | None = None

    def __await__(self) -> Generator[Any, None, AsyncReservation]:
        return self._reserve().__await__()

    async def __aenter__(self) -> AsyncReservation:
        self._made = await self._reserve()
        return self._made

    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._made is not None:
            await self._made.close(error)

    async def _reserve(self) -> AsyncReservation:
        result = await self._transport.receive("POST", PATH, **self._sent)
        return AsyncReservation.of_result(result, AsyncReservations(self._transport))
