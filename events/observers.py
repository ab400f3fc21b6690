"""Observers: code that reads and writes while events are appended, in the same transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from events.batched_sql import Rows, Statement
from events.draft import Draft, Entry
from events.models import Event
from events.origin import Origin


class Observer(Protocol):
    """Code that runs while the log is locked, and may append events after those it was created for.

    The methods are called in this order. An observer's failure does not affect the change: `fail` gets the
    error, and nothing of the observer is written.
    """

    def reads(self) -> Sequence[Statement]:
        """Return the statements to run once the log is locked, in the same round trip.

        It may query the database itself, before the lock.
        """

    def receive(self, found: Sequence[Rows]) -> None:
        """Receive the results of these statements."""

    def decide(self, draft: Draft) -> Draft:
        """Return the draft to write after `draft`. It may be empty."""

    def fail(self, error: BaseException) -> None:
        """Handle `error`. Nothing that was decided is kept."""


ObserverFactory = Callable[[Sequence[Entry], Origin, datetime], Observer | None]


@dataclass(frozen=True, slots=True)
class AppendHooks:
    """What a change reads in the round trip that locks the log, and writes in the one that writes its events.

    `write` gets the events and the results of `reads`. It may raise a problem, which rolls back the change.
    """

    reads: Sequence[Statement] = ()
    write: Callable[[Sequence[Event], list[Rows]], Sequence[Statement]] = lambda _events, _found: ()


NO_HOOKS: Final = AppendHooks()
"""The default, for a change that reads and writes nothing with its events."""

_factories: Final[list[ObserverFactory]] = []


def register_observer(factory: ObserverFactory) -> None:
    """Register `factory`, which returns an observer or None for the entries of every append in this process."""
    if factory not in _factories:
        _factories.append(factory)


def create_observers(entries: Sequence[Entry], origin: Origin, at: datetime) -> list[Observer]:
    """Return the observers of these entries."""
    return [observer for factory in _factories if (observer := factory(entries, origin, at)) is not None]
