"""Calls about the limits of a key or an owner: what is used of them, and adjustments of that."""

from dataclasses import dataclass
from typing import Any

from latchkey.client.async_transport import AsyncTransport
from latchkey.client.document import Document
from latchkey.client.exchange import CallOptions
from latchkey.client.keys import key_path
from latchkey.client.limit import Limit
from latchkey.client.names import named_path
from latchkey.client.transport import Transport


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls about limits. Every method raises ClientError, and ValueError for an invalid key ID, slug or name.

    Name a key by its ID, or an owner by its slug. Without either, it's the calling key, which needs no scope to read
    its own limits.
    """

    transport: Transport

    def list(self, key_id: str | None = None, *, owner: str | None = None) -> tuple[Limit, ...]:
        """Return all limits that apply, with what is used of them."""
        return _listed(self.transport.call("GET", _path(self.transport, key_id, owner)))

    def adjust(
        self,
        name: str,
        *,
        reason: str,
        key_id: str | None = None,
        owner: str | None = None,
        used: int | None = None,
        add: int | None = None,
    ) -> Limit:
        """Set what is used of a limit, or add to it; a negative `add` gives back. Return the limit as it is then.

        A call with `add` isn't repeated if its response is lost: it would be added twice.
        """
        path = named_path(_path(self.transport, key_id, owner), name)
        return _adjusted(self.transport.call("POST", f"{path}/adjust", **_adjustment(used, add, reason)))


@dataclass(frozen=True, slots=True)
class AsyncLimits:
    """The calls of `Limits`, which suspend the calling task."""

    transport: AsyncTransport

    async def list(self, key_id: str | None = None, *, owner: str | None = None) -> tuple[Limit, ...]:
        """Return what `Limits.list` returns. Raises the same errors."""
        return _listed(await self.transport.call("GET", _path(self.transport, key_id, owner)))

    async def adjust(
        self,
        name: str,
        *,
        reason: str,
        key_id: str | None = None,
        owner: str | None = None,
        used: int | None = None,
        add: int | None = None,
    ) -> Limit:
        """Do what `Limits.adjust` does. Raises the same errors."""
        path = named_path(_path(self.transport, key_id, owner), name)
        return _adjusted(await self.transport.call("POST", f"{path}/adjust", **_adjustment(used, add, reason)))


def _path(transport: Transport | AsyncTransport, key_id: str | None, owner: str | None) -> str:
    if owner is not None:
        if key_id is not None:
            raise ValueError("name a key or an owner, not both")
        return f"{named_path('/v1/owners', owner)}/limits"
    own = transport.credential.key_id if transport.credential else ""
    return f"{key_path(own if key_id is None else key_id)}/limits"


def _adjustment(used: int | None, add: int | None, reason: str) -> CallOptions:
    if (used is None) == (add is None):
        raise ValueError("an adjustment needs used or add")
    change = {"add": add} if used is None else {"used": used}
    return {"json": {**change, "reason": reason}, "idempotent": used is not None}


def _listed(value: Any) -> tuple[Limit, ...]:
    return tuple(Limit.read(limit) for limit in Document(value, "list").documents("limits", "limit"))


def _adjusted(value: Any) -> Limit:
    return Limit.read(Document(value, "limit"))
