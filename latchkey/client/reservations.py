"""Calls about reservations by their IDs, of both clients."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from latchkey import headers
from latchkey.client.async_transport import AsyncTransport
from latchkey.client.base import costs_body
from latchkey.client.document import Document
from latchkey.client.exchange import CallOptions
from latchkey.client.settlement import Settlement
from latchkey.client.transport import Transport
from latchkey.credentials import Credential

PATH: Final = "/v1/reservations"
_ID: Final = re.compile(r"res_[0-9A-Za-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class Reservations:
    """Calls about reservations. Every method raises ClientError, and ValueError for a text that can't be an ID.

    If the response to a call is lost, it does no harm to repeat it.
    """

    transport: Transport

    def settle(self, reservation_id: str, *, cost: int = 1, costs: Mapping[str, int] | None = None) -> Settlement:
        """Replace what a reservation took by the actual costs: `cost` in requests, and `costs` in other units.

        What was reserved in a unit that isn't named is given back.
        """
        return Settlement.read(self.transport.call("POST", _path(reservation_id, "/settle"), **_settle(cost, costs)))

    def extend(self, reservation_id: str, ttl: int) -> datetime:
        """Keep a reservation open for `ttl` seconds from now at least (1 to 3600). Return its end."""
        return _end(self.transport.call("POST", _path(reservation_id, "/extend"), **_extend(ttl)))

    def cancel(self, reservation_id: str) -> None:
        """Give back everything that a reservation took."""
        self.transport.call("DELETE", _path(reservation_id), idempotent=True)


@dataclass(frozen=True, slots=True)
class AsyncReservations:
    """The calls of `Reservations`, which suspend the calling task."""

    transport: AsyncTransport

    async def settle(self, reservation_id: str, *, cost: int = 1, costs: Mapping[str, int] | None = None) -> Settlement:
        """Do what `Reservations.settle` does. Raises the same errors."""
        path = _path(reservation_id, "/settle")
        return Settlement.read(await self.transport.call("POST", path, **_settle(cost, costs)))

    async def extend(self, reservation_id: str, ttl: int) -> datetime:
        """Do what `Reservations.extend` does. Raises the same errors."""
        return _end(await self.transport.call("POST", _path(reservation_id, "/extend"), **_extend(ttl)))

    async def cancel(self, reservation_id: str) -> None:
        """Do what `Reservations.cancel` does. Raises the same errors."""
        await self.transport.call("DELETE", _path(reservation_id), idempotent=True)


def reserve_options(
    credential: Credential,
    scopes: Sequence[str],
    cost: int,
    costs: Mapping[str, int] | None,
    ttl: int,
    *,
    repeatable: bool,
) -> CallOptions:
    """Return what a reservation sends; with an Idempotency-Key if the call may be repeated.

    Raises ValueError if `cost` and `costs` both name the cost in requests.
    """
    sent: CallOptions = {
        "json": {
            "credential": credential.reveal(),
            "scopes": list(scopes),
            **costs_body(cost, costs),
            "ttl_seconds": ttl,
        }
    }
    if repeatable:
        # The server has to store it, so it's only sent if it may be needed.
        sent["header_fields"] = {headers.IDEMPOTENCY_KEY: str(uuid4())}
    return sent


def _settle(cost: int, costs: Mapping[str, int] | None) -> CallOptions:
    return {"json": costs_body(cost, costs), "idempotent": True}


def _extend(ttl: int) -> CallOptions:
    return {"json": {"ttl_seconds": ttl}, "idempotent": True}


def _path(reservation_id: str, call: str = "") -> str:
    # Otherwise a text with a slash or a question mark would lead to another path. The server knows the exact rule.
    if not _ID.fullmatch(reservation_id):
        raise ValueError("a reservation's ID must be res_ and letters, digits or '_'")
    return f"{PATH}/{reservation_id}{call}"


def _end(value: object) -> datetime:
    return Document(value, "reservation").time("expires_at")
