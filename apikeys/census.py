"""The census: how many keys are what, counted once a minute, as counting a million of them takes too long for a page."""

from datetime import datetime

from django.db.models import Count, Q

from apikeys.models import APIKey, KeyCensus, KeySecret, SecretState


def take_census(now: datetime) -> KeyCensus:
    """Counts the keys by state and keeps the result, which the next census replaces."""
    unrevoked, lapsed = Q(revoked_at__isnull=True), Q(expires_at__isnull=False, expires_at__lte=now)
    usable = unrevoked & Q(enabled=True) & ~lapsed
    counts = APIKey.objects.aggregate(
        active=Count("pk", filter=usable),
        disabled=Count("pk", filter=unrevoked & Q(enabled=False)),
        expired=Count("pk", filter=unrevoked & Q(enabled=True) & lapsed),
        revoked=Count("pk", filter=~unrevoked),
        unlimited=Count("pk", filter=usable & Q(burst__isnull=True)),
    )
    rotating = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now, key__revoked_at__isnull=True)
    counts["rotating"] = rotating.count()
    census, _ = KeyCensus.objects.update_or_create(id=1, defaults={"taken_at": now, "counts": counts})
    return census


def latest_census(now: datetime) -> KeyCensus:
    """The last census; the first is taken when it is asked for."""
    return KeyCensus.objects.filter(id=1).first() or take_census(now)
