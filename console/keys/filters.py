"""Filters of the key list, by name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef

from apikeys.candidates import in_state, narrowed
from apikeys.models import APIKey, APIKeyQuerySet, Usage, UsageStep
from health.guard_rails.lifetimes import EXPIRY_IN_VIEW, ExpiringKey, UnusedKey

THROTTLED_WITHIN: Final = timedelta(hours=24)
KeyFilter = Callable[[APIKeyQuerySet, datetime], APIKeyQuerySet]


def _throttled(keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
    recent = Usage.objects.filter(step=UsageStep.HOUR, start__gt=now - THROTTLED_WITHIN, throttled__gt=0)
    found = keys.filter(Exists(recent.filter(key=OuterRef("pk"))))
    return narrowed(found, recent.values_list("key_id", flat=True))


def _expiring(keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
    found = ExpiringKey().violating(keys.usable(now), now)
    soon = APIKey.objects.filter(expires_at__gt=now, expires_at__lte=now + EXPIRY_IN_VIEW)
    return narrowed(found, soon.values_list("pk", flat=True))


def _in_state(state: str) -> KeyFilter:
    return lambda keys, now: in_state(keys, state, now)


STATES: Final = ("active", "disabled", "expired", "revoked")
"""Filters that exclude each other."""

FILTERS: Final[dict[str, KeyFilter]] = {
    "active": _in_state("active"),
    "unlimited": _in_state("unlimited"),
    "rotating": _in_state("rotating"),
    "expiring": _expiring,
    "unused": lambda keys, now: UnusedKey().violating(keys.usable(now), now),
    "throttled": _throttled,
    "disabled": _in_state("disabled"),
    "expired": _in_state("expired"),
    "revoked": _in_state("revoked"),
}
