"""Waivers: violations of guard rails that are accepted for a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from latchkey import headers
from latchkey.client.document import Document
from latchkey.client.transport import Transport
from latchkey.timestamps import rfc3339


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver of a guard rail, for one key, or for all if `key_id` is None."""

    id: int
    guard_rail: str
    key_id: str | None
    reason: str
    ends_at: datetime
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Waiver":
        """Return the waiver in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            id=document.integer("id"),
            guard_rail=document.text("guard_rail"),
            key_id=document.text("key_id") if document.has("key_id") else None,
            reason=document.text("reason"),
            ends_at=document.time("ends_at"),
            document=document.fields,
        )


@dataclass(frozen=True, slots=True)
class Waivers:
    """Calls about waivers. Every method raises ClientError."""

    transport: Transport

    def list(self) -> tuple[Waiver, ...]:
        """Return the waivers in force, newest first."""
        page = Document(self.transport.call("GET", "/v1/waivers"), "list")
        return tuple(Waiver.read(waiver) for waiver in page.documents("items", "waiver"))

    def grant(self, guard_rail: str, *, reason: str, ends_at: datetime, key_id: str | None = None) -> Waiver:
        """Silence a guard rail until `ends_at`, for one key or for all.

        If the response is lost, the call is made again with the same Idempotency-Key.
        """
        body = {"guard_rail": guard_rail, "reason": reason, "ends_at": rfc3339(ends_at)}
        if key_id is not None:
            body["key_id"] = key_id
        name = {headers.IDEMPOTENCY_KEY: str(uuid4())}
        received = self.transport.call("POST", "/v1/waivers", json=body, header_fields=name)
        return Waiver.read(Document(received, "waiver"))

    def end(self, waiver_id: int) -> None:
        """End a waiver early: its guard rail alerts again."""
        self.transport.call("DELETE", f"/v1/waivers/{waiver_id:d}")
