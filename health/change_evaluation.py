"""Observer of the event log: guard rails are evaluated in the transaction of the change that may violate them."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from events.draft import Entry
from events.observers import register_observer
from events.origin import Origin
from events.types import EventType
from health.evaluation import AffectedKeys, Evaluation
from health.guard_rails import BY_NAME, GUARD_RAILS, GuardRail
from health.guard_rails.keys import NO_KEY, KeyGuardRail

_WAIVER_EVENTS = (EventType.WAIVER_GRANTED, EventType.WAIVER_ENDED)


def evaluate_triggered(entries: Sequence[Entry], origin: Origin, at: datetime) -> Evaluation | None:
    """Return the evaluation of the guard rails that the entries trigger, or None if there are none.

    The incident is reported right after the change, in the same transaction. What fails is left to the steward's
    next sweep, so no change to a key is lost because of it.
    """
    triggered = {rail: [entry.key_id for entry in entries if entry.type in rail.triggers] for rail in GUARD_RAILS}
    changed_keys = {rail: _changed_keys_of(rail, key_ids) for rail, key_ids in triggered.items() if key_ids}
    waived = [str(entry.data["guard_rail"]) for entry in entries if entry.type in _WAIVER_EVENTS]
    changed_keys |= {BY_NAME[name]: frozenset() for name in waived if name in BY_NAME}
    affected_keys = _affected_keys(entries)
    if not changed_keys and not affected_keys:
        return None
    return Evaluation(changed_keys, at, origin.request_id, affected_keys)


def _changed_keys_of(rail: GuardRail, key_ids: Sequence[str]) -> frozenset[str]:
    """Return the keys that decide whether the guard rail is evaluated; none if it's evaluated in any case."""
    return frozenset(key_ids) if isinstance(rail, KeyGuardRail) and "" not in key_ids else frozenset()


def _affected_keys(entries: Sequence[Entry]) -> AffectedKeys:
    """Return the guard rails about keys for which changes of plans or owners matter, each with the affected keys."""
    found: dict[KeyGuardRail, Q] = {}
    for rail in GUARD_RAILS:
        for entry in entries:
            if isinstance(rail, KeyGuardRail) and (keys := rail.affected(entry)) is not None:
                found[rail] = found.get(rail, NO_KEY) | keys
    return found


register_observer(evaluate_triggered)
