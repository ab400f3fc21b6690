"""Base classes of guard rails."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db.models import QuerySet

from events.types import EventType

NAMED: Final = 3


class Severity(StrEnum):
    """How much a violation matters. A notice is worth knowing; from a warning on, health is degraded."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def degrades(self) -> bool:
        """Return whether a violation of such a guard rail degrades health."""
        return self is not Severity.NOTICE


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation: how many things violate the guard rail, and which, as a sentence.

    `at` is when it happened, if it's an event and not a state. One that is later than the open incident
    is another incident.
    """

    count: int
    detail: str
    at: datetime | None = field(default=None, compare=False)


def named(names: Sequence[str], counted_at_most: int) -> str:
    """Return the first 3 of `names`, and how many more there are.

    "or more" is added if counting ended at `counted_at_most`.
    """
    more = len(names) - NAMED
    if more <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {more}{' or' if len(names) >= counted_at_most else ''} more"


class GuardRail(ABC):
    """Base class of a guard rail: one kind of problem, and what to do about it.

    `name` is public: health, metrics, events and waivers use it. `remedy` is one sentence that says what to do;
    its page is docs/guard-rails/NAME.md.

    `triggers` are the events after which it's evaluated, within their transaction. The steward evaluates it too:
    in each run if `every_turn` is set, otherwise each minute.
    """

    name: ClassVar[str]
    severity: ClassVar[Severity]
    remedy: ClassVar[str]
    triggers: ClassVar[frozenset[EventType]] = frozenset()
    every_turn: ClassVar[bool] = False
    about_keys: ClassVar[bool] = False

    @abstractmethod
    def find(self, now: datetime) -> Finding | None:
        """Return what violates it at `now`, or None."""

    @property
    def remediation(self) -> str:
        """Return the remedy, and where its page is."""
        return f"{self.remedy} See {settings.PUBLIC_URL}/guard-rails/{self.name}."


class ListedGuardRail(GuardRail):
    """Guard rail whose violations are found by one database query, of which at most `counted_at_most` are counted.

    One round trip can read them together with other things.
    """

    counted_at_most: ClassVar[int]

    @abstractmethod
    def listed(self, now: datetime) -> QuerySet[Any, Any]:
        """Return the names of what violates it at `now`, as a `values_list` of one field in a stable order."""

    @abstractmethod
    def detail(self, names: str) -> str:
        """Return the sentence about those in `names`."""

    def finding(self, names: Sequence[str]) -> Finding | None:
        """Return what `listed` found as a violation, or None if it found nothing."""
        if not names:
            return None
        return Finding(len(names), self.detail(named(names, self.counted_at_most)))

    def find(self, now: datetime) -> Finding | None:
        return self.finding([name for (name,) in self.listed(now)])
