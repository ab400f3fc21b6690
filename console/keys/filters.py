"""Filters of the key list, by name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef

from apikeys.models import APIKeyQuerySet, Usage, UsageStep
from health.guard_rails.lifetimes import ExpiringKey, UnusedKey

THROTTLED_WITHIN: Final = timedelta(hours=24)
Narrow = Callable[[APIKeyQuerySet, datetime], APIKeyQuerySet]


def _throttled(keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
    lately = Usage.objects.filter(
        key=OuterRef("pk"), step=UsageStep.HOUR, start__gt=now - THROTTLED_WITHIN, throttled__gt=0
    )
    return keys.filter(Exists(lately))


def _in(state: str) -> Narrow:
    return lambda keys, now: keys.in_state(state, now)


FILTERS: Final[dict[str, Narrow]] = {
    "active": _in("active"),
    "unlimited": _in("unlimited"),
    "rotating": _in("rotating"),
    "expiring": lambda keys, now: ExpiringKey().among(keys.usable(now), now),
    "unused": lambda keys, now: UnusedKey().among(keys.usable(now), now),
    "throttled": _throttled,
    "disabled": _in("disabled"),
    "expired": _in("expired"),
    "revoked": _in("revoked"),
}
