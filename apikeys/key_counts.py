"""Cached key counts: how many keys are in each state, counted once a minute."""

from datetime import datetime
from typing import Final

from django.db.models import Count, Q

from apikeys.models import APIKey, KeyCensus, KeySecret, SecretState, limited_by_plans

# Counting a million keys takes too long for a page. Up to this many are counted for every page instead.
ALWAYS_RECOUNTED: Final = 20_000
STATES: Final = ("active", "disabled", "expired", "revoked")


def count_keys(now: datetime) -> KeyCensus:
    """Count the keys by state, store the result in place of the previous one, and return it."""
    unrevoked, lapsed = Q(revoked_at__isnull=True), Q(expires_at__isnull=False, expires_at__lte=now)
    usable = unrevoked & Q(enabled=True) & ~lapsed
    counts = APIKey.objects.aggregate(
        active=Count("pk", filter=usable),
        disabled=Count("pk", filter=unrevoked & Q(enabled=False)),
        expired=Count("pk", filter=unrevoked & Q(enabled=True) & lapsed),
        revoked=Count("pk", filter=~unrevoked),
        unlimited=Count("pk", filter=usable & Q(burst__isnull=True) & ~limited_by_plans()),
    )
    rotating = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now, key__revoked_at__isnull=True)
    counts["rotating"] = rotating.count()
    census, _ = KeyCensus.objects.update_or_create(id=1, defaults={"taken_at": now, "counts": counts})
    return census


def latest_counts(now: datetime) -> KeyCensus:
    """Return the stored counts; count again if there are none or so few keys that counting is fast."""
    last = KeyCensus.objects.filter(id=1).first()
    if last is None or sum(last.counts[state] for state in STATES) <= ALWAYS_RECOUNTED:
        return count_keys(now)
    return last
