"""Who looks on while events are appended: observers, and what a change itself reads and writes with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from events.draft import Draft, Entry
from events.models import Event
from events.origin import Origin
from events.round_trip import Rows, Statement


class Observer(Protocol):
    """Looks while the log is held, and appends to it behind the events that it was made for.

    The calls come in this order. What fails loses no change: `give_up` gets the error, and nothing of the observer is
    written.
    """

    def reads(self) -> Sequence[Statement]:
        """Return what it needs to read once the log is held, by the same round trip. May query the database before."""

    def see(self, found: Sequence[Rows]) -> None:
        """Take what these statements found."""

    def decide(self, draft: Draft) -> Draft:
        """Return what is to be written behind `draft`, which may be nothing."""

    def give_up(self, error: BaseException) -> None:
        """Take notice of `error`, for which nothing that was decided is kept."""


Observing = Callable[[Sequence[Entry], Origin, datetime], Observer | None]


@dataclass(frozen=True, slots=True)
class Companion:
    """What a change reads by the round trip that takes the log, and writes by the one that writes its events. `write`
    gets both, and may raise a problem, which undoes the change.
    """

    reads: Sequence[Statement] = ()
    write: Callable[[Sequence[Event], list[Rows]], Sequence[Statement]] = lambda _events, _found: ()


ALONE: Final = Companion()
"""That of a change that needs none."""

_observing: Final[list[Observing]] = []


def observe_with(make: Observing) -> None:
    """From now on let the observer that `make` returns, if any, look on at each append of this process."""
    if make not in _observing:
        _observing.append(make)


def observers_of(entries: Sequence[Entry], origin: Origin, at: datetime) -> list[Observer]:
    """Return the observers of these entries."""
    return [observer for make in _observing if (observer := make(entries, origin, at)) is not None]
