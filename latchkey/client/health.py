"""Health of the server: what everyone may see, and what a key with health:read may see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latchkey.client.document import Document


@dataclass(frozen=True, slots=True)
class Health:
    """Health of the server. `status` is `ok`, `degraded`, `down` (without a database) or `stopping`."""

    status: str
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, document: Document) -> "Health":
        """Return the health in `document`. Raises WrongServer if its shape is wrong."""
        return cls(document.text("status"), document.fields)


@dataclass(frozen=True, slots=True)
class HealthReport(Health):
    """Full health report.

    `degraded` names the guard rails whose violation degrades health; `uptime_seconds` counts
    from the server's start.
    """

    version: str
    uptime_seconds: int
    degraded: tuple[str, ...]
    guard_rails: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, document: Document) -> "HealthReport":
        """Return the report in `document`. Raises WrongServer if its shape is wrong."""
        return cls(
            status=document.text("status"),
            document=document.fields,
            version=document.text("version"),
            uptime_seconds=document.integer("uptime_seconds"),
            degraded=tuple(document.texts("degraded")),
            guard_rails=tuple(found.fields for found in document.documents("guard_rails", "guard rail")),
        )
