"""The watch on the event log: guard rails are judged within the transaction of the change that may breach them."""

from collections.abc import Sequence
from datetime import datetime

from events.draft import Entry
from events.observers import observe_with
from events.origin import Origin
from events.types import EventType
from health.evaluation import Judgment
from health.guard_rails import BY_NAME, GUARD_RAILS, GuardRail
from health.guard_rails.keys import KeyGuardRail

_OF_WAIVERS = (EventType.WAIVER_GRANTED, EventType.WAIVER_ENDED)


def judge_at_once(entries: Sequence[Entry], origin: Origin, at: datetime) -> Judgment | None:
    """Return the judgment of the guard rails that the entries trigger: the breach is told right behind the change, or
    neither is kept. What fails is left to the steward's next sweep; a change to a key is not lost over it.
    """
    triggered = {rail: [entry.key_id for entry in entries if entry.type in rail.triggers] for rail in GUARD_RAILS}
    about = {rail: _keys(rail, key_ids) for rail, key_ids in triggered.items() if key_ids}
    waived = [str(entry.data["guard_rail"]) for entry in entries if entry.type in _OF_WAIVERS]
    about |= {BY_NAME[name]: frozenset() for name in waived if name in BY_NAME}
    return Judgment(about, at, origin.request_id) if about else None


def _keys(rail: GuardRail, key_ids: Sequence[str]) -> frozenset[str]:
    """The keys on which it depends whether the guard rail is judged; none if it is in any case."""
    return frozenset(key_ids) if isinstance(rail, KeyGuardRail) and "" not in key_ids else frozenset()


observe_with(judge_at_once)
