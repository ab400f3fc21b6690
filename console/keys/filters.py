"""Filters of the key list, by name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef

from apikeys.models import APIKeyQuerySet, Usage, UsageStep
from health.guard_rails.lifetimes import ExpiringKey, UnusedKey

THROTTLED_WITHIN: Final = timedelta(hours=24)
KeyFilter = Callable[[APIKeyQuerySet, datetime], APIKeyQuerySet]


def _throttled(keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
    recent_usage = Usage.objects.filter(
        key=OuterRef("pk"), step=UsageStep.HOUR, start__gt=now - THROTTLED_WITHIN, throttled__gt=0
    )
    return keys.filter(Exists(recent_usage))


def _in_state(state: str) -> KeyFilter:
    return lambda keys, now: keys.in_state(state, now)


STATES: Final = ("active", "disabled", "expired", "revoked")
"""Filters that exclude each other."""

FILTERS: Final[dict[str, KeyFilter]] = {
    "active": _in_state("active"),
    "unlimited": _in_state("unlimited"),
    "rotating": _in_state("rotating"),
    "expiring": lambda keys, now: ExpiringKey().violating(keys.usable(now), now),
    "unused": lambda keys, now: UnusedKey().violating(keys.usable(now), now),
    "throttled": _throttled,
    "disabled": _in_state("disabled"),
    "expired": _in_state("expired"),
    "revoked": _in_state("revoked"),
}
