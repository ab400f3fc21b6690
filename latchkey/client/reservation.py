"""Reservation of a key's limits: a block in which it's settled, or otherwise cancelled."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Generic, Self, TypeVar

from latchkey.client.document import Document
from latchkey.client.exchange import CallResult
from latchkey.client.failures import ClientError
from latchkey.client.reservations import AsyncReservations, Reservations
from latchkey.client.settlement import Settlement
from latchkey.client.verification import Verification

_Calls = TypeVar("_Calls", Reservations, AsyncReservations)


class NotReserved(ClientError):
    """Nothing was reserved: the credential isn't valid, or a limit of its key refused. `verification` says which."""

    def __init__(self, verification: Verification) -> None:
        super().__init__(f"nothing was reserved: {verification.code}")
        self.verification = verification
        self.request_id = verification.request_id
        self.status = 200


@dataclass(slots=True)
class _Reservation(Generic[_Calls]):
    """What the reservations of both clients have in common.

    `verification` is that of the credential, with what is left of its key's limits after the reservation.
    """

    id: str
    expires_at: datetime
    verification: Verification
    _calls: _Calls = field(repr=False)
    # Also set while it's settled: if that fails, the work is done, and the estimate is closer to its cost than nothing.
    _is_ended: bool = field(default=False, repr=False)

    @classmethod
    def of_result(cls, result: CallResult, calls: _Calls) -> Self:
        """Return the reservation in a response. Raises NotReserved, and WrongServer if its shape is wrong."""
        verification = Verification.of_result(result)
        if not verification.valid:
            raise NotReserved(verification)
        document = Document(result.value, "reservation")
        return cls(document.text("reservation"), document.time("expires_at"), verification, calls)


class Reservation(_Reservation[Reservations]):
    """An open reservation: `with client.reserve(…) as reservation`.

    If the block ends before `settle` was called, the reservation is cancelled: everything is given back. If `settle`
    fails, it isn't: the reservation stays at its estimate, unless you settle it later by its `id`.
    """

    def settle(self, costs: Mapping[str, int] | None = None, /, *, cost: int = 1, **costs_by_unit: int) -> Settlement:
        """Replace what was reserved by the actual costs: `cost` in requests, and others by unit: `settle(tokens=512)`.

        `costs` is for units that aren't names in Python. What was reserved in a unit that isn't named is given back.
        Settling again returns the same settlement. Raises ClientError; ReceivedProblem with the slug
        `reservation-expired` if it's too late, so that the estimate stays charged.
        """
        self._is_ended = True
        return self._calls.settle(self.id, cost=cost, costs={**(costs or {}), **costs_by_unit})

    def extend(self, ttl: int) -> datetime:
        """Keep the reservation open for `ttl` seconds from now at least (1 to 3600). Return its end."""
        self.expires_at = self._calls.extend(self.id, ttl)
        return self.expires_at

    def cancel(self) -> None:
        """Give back everything that was reserved."""
        self._calls.cancel(self.id)
        self._is_ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._is_ended:
            return
        if error is None:
            self.cancel()
            return
        # The reservation expires if this fails. The error of the block says more.
        with suppress(ClientError):
            self.cancel()


class AsyncReservation(_Reservation[AsyncReservations]):
    """An open reservation of an AsyncClient: `async with client.reserve(…) as reservation`. See `Reservation`."""

    async def settle(
        self, costs: Mapping[str, int] | None = None, /, *, cost: int = 1, **costs_by_unit: int
    ) -> Settlement:
        """Do what `Reservation.settle` does. Raises the same errors."""
        self._is_ended = True
        return await self._calls.settle(self.id, cost=cost, costs={**(costs or {}), **costs_by_unit})

    async def extend(self, ttl: int) -> datetime:
        """Do what `Reservation.extend` does. Raises the same errors."""
        self.expires_at = await self._calls.extend(self.id, ttl)
        return self.expires_at

    async def cancel(self) -> None:
        """Give back everything that was reserved."""
        await self._calls.cancel(self.id)
        self._is_ended = True

    async def close(self, error: BaseException | None) -> None:
        """Cancel the reservation at the end of its block, unless it was settled. `error` is what ended the block."""
        if self._is_ended:
            return
        if error is None:
            await self.cancel()
            return
        # The reservation expires if this fails. The error of the block says more.
        with suppress(ClientError):
            await self.cancel()
