"""What a guard rail is."""

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
    """How much a breach matters. A notice is worth knowing; from a warning on, health is degraded."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def degrades(self) -> bool:
        """Whether health is degraded while such a guard rail is breached."""
        return self is not Severity.NOTICE


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach: how many things are in it, and which, as a sentence. `at` is when it happened, if it is an event and
    not a state: one that is later than the open incident is another incident.
    """

    count: int
    detail: str
    at: datetime | None = field(default=None, compare=False)


def named(names: Sequence[str], counted_at_most: int) -> str:
    """The first of `names`, and how many there are besides: "or more" where counting ended at `counted_at_most`."""
    more = len(names) - NAMED
    if more <= 0:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {more}{' or' if len(names) >= counted_at_most else ''} more"


class GuardRail(ABC):
    """Something that must not be, and what to do where it is.

    `name` is public: health, metrics, events and waivers use it. `remedy` is one sentence that says what to do; its
    page is docs/guard-rails/NAME.md. `triggers` are the events after which it is judged at once, within their
    transaction; the steward judges it besides: each turn where `every_turn` holds, else each minute.
    """

    name: ClassVar[str]
    severity: ClassVar[Severity]
    remedy: ClassVar[str]
    triggers: ClassVar[frozenset[EventType]] = frozenset()
    every_turn: ClassVar[bool] = False
    about_keys: ClassVar[bool] = False

    @abstractmethod
    def find(self, now: datetime) -> Finding | None:
        """What is in breach at `now`, or None."""

    @property
    def remediation(self) -> str:
        """The remedy, and where its page is."""
        return f"{self.remedy} See {settings.PUBLIC_URL}/guard-rails/{self.name}."


class ListedGuardRail(GuardRail):
    """A guard rail whose violations one query of the database finds: so it can be read with other things, by one round
    trip. At most `counted_at_most` are counted.
    """

    counted_at_most: ClassVar[int]

    @abstractmethod
    def listed(self, now: datetime) -> QuerySet[Any, Any]:
        """Return the names of what is in breach at `now`, as a `values_list` of one field in a lasting order."""

    @abstractmethod
    def detail(self, names: str) -> str:
        """Return the sentence about those that `names` names."""

    def finding(self, names: Sequence[str]) -> Finding | None:
        """Return what `listed` has found as a breach; None if that is nothing."""
        if not names:
            return None
        return Finding(len(names), self.detail(named(names, self.counted_at_most)))

    def find(self, now: datetime) -> Finding | None:
        return self.finding([name for (name,) in self.listed(now)])
