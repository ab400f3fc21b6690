"""The server's health, as it tells all, and as it tells a key with health:read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class Health:
    """`status` is `ok`, `degraded`, `down` (without a database) or `stopping`."""

    status: str
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Health":
        """Raises WrongServer for another shape."""
        return cls(document.text("status"), document.members)


@dataclass(frozen=True, slots=True)
class HealthReport(Health):
    """`degraded` names the guard rails by whose breach health is degraded; `uptime_seconds` counts from the start."""

    version: str
    uptime_seconds: int
    degraded: tuple[str, ...]
    guard_rails: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, document: Document) -> "HealthReport":
        """Raises WrongServer for another shape."""
        return cls(
            status=document.text("status"),
            document=document.members,
            version=document.text("version"),
            uptime_seconds=document.integer("uptime_seconds"),
            degraded=tuple(document.texts("degraded")),
            guard_rails=tuple(found.members for found in document.documents("guard_rails", "guard rail")),
        )
