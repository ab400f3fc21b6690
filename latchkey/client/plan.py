"""Plans and their limits, as the API shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latchkey.client.document import Document
from latchkey.client.rate_limit import RateLimit


@dataclass(frozen=True, slots=True)
class Quota:
    """A number of units in a calendar period.

    `per` is hour, day, week, month, or once for a quota that never starts again. Periods begin at midnight in
    `timezone`; with `starts` anchor, months count from the owner's `period_anchor` instead of the calendar's first day.
    """

    quota: int
    per: str
    timezone: str = "UTC"
    starts: str = "calendar"

    def as_json(self) -> dict[str, Any]:
        """Return the quota as a JSON object."""
        return {"quota": self.quota, "per": self.per, "timezone": self.timezone, "starts": self.starts}

    @classmethod
    def read(cls, document: Document) -> "Quota":
        """Return the quota in `document`. Raises WrongServer if its shape is wrong."""
        given = {name: document.text(name) for name in ("timezone", "starts") if document.has(name)}
        return cls(document.integer("quota"), document.text("per"), **given)


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """A limit of a plan. It has one of `rate`, `quota` and `concurrency`.

    `mode` is `enforce`, or `observe` for a limit that only counts; `shared` is `key` or `owner`.
    """

    name: str
    unit: str = "requests"
    mode: str = "enforce"
    shared: str = "key"
    rate: RateLimit | None = None
    quota: Quota | None = None
    concurrency: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the limit as a JSON object."""
        kinds = {
            "rate": self.rate and self.rate.as_json(),
            "quota": self.quota and self.quota.as_json(),
            "concurrency": self.concurrency,
        }
        fields = {"name": self.name, "unit": self.unit, "mode": self.mode, "shared": self.shared}
        return fields | {kind: value for kind, value in kinds.items() if value is not None}

    @classmethod
    def read(cls, document: Document) -> "PlanLimit":
        """Return the limit in `document`. Raises WrongServer if its shape is wrong."""
        rate = document.document("rate", "rate") if document.has("rate") else None
        return cls(
            name=document.text("name"),
            unit=document.text("unit"),
            mode=document.text("mode"),
            shared=document.text("shared"),
            rate=RateLimit(rate.integer("burst"), rate.integer("per_seconds")) if rate else None,
            quota=Quota.read(document.document("quota", "quota")) if document.has("quota") else None,
            concurrency=document.integer("concurrency") if document.has("concurrency") else None,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: limits under a name, for keys or owners. `document` is the JSON as received.

    `etag` names the state that is shown, for `if_match`, and is None for a plan from a list.
    """

    name: str
    limits: tuple[PlanLimit, ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)
    etag: str | None = None

    @classmethod
    def read(cls, document: Document, etag: str | None = None) -> "Plan":
        """Return the plan in `document`. Raises WrongServer if its shape is wrong."""
        limits = tuple(PlanLimit.read(limit) for limit in document.documents("limits", "limit"))
        return cls(document.text("name"), limits, document.fields, etag)
