"""Dashboard: the current state of the installation, read in a constant number of queries."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import OuterRef, Subquery, Sum

from apikeys.key_counts import latest_census
from apikeys.models import APIKey, KeySecret, SecretState, Usage, UsageStep
from apikeys.usage.series import of_all_keys
from console.charts import bar_chart
from console.texts import ago_words
from events.models import Event
from health.guard_rails import BY_NAME
from health.guard_rails.lifetimes import ExpiringKey
from health.incidents import open_incidents

LISTED: Final = 8
DAY: Final = timedelta(days=1)


def dashboard(now: datetime) -> dict[str, Any]:
    """Return the context of the dashboard's template."""
    census = latest_census(now)
    return {
        "now": now,
        "census": census,
        "day": bar_chart(of_all_keys(UsageStep.HOUR, 24, now), title="Last 24 hours", time_format="%d %b %H:%M UTC"),
        "month": bar_chart(of_all_keys(UsageStep.DAY, 30, now), title="Last 30 days", time_format="%d %b"),
        "incidents": [(incident, BY_NAME[incident.guard_rail]) for incident in open_incidents()],
        "throttled": _most_throttled(now),
        "rotations": _rotations(now),
        "expiring": ExpiringKey().among(APIKey.objects.usable(now), now).order_by("expires_at")[:LISTED],
        "events": Event.objects.order_by("-id")[:LISTED],
    }


def _most_throttled(now: datetime) -> list[dict[str, Any]]:
    """Return the keys with the most throttled requests in the last day, and their `count`, highest first."""
    rows: Any = (
        Usage.objects.filter(step=UsageStep.HOUR, start__gt=now - DAY, throttled__gt=0)
        .values("key_id", "key__key_id", "key__label")
        .annotate(count=Sum("throttled"))
        .order_by("-count", "key_id")
    )
    return list(rows[:LISTED])


def _rotations(now: datetime) -> list[dict[str, Any]]:
    """Return the retiring secrets that expire first, and when they and their successors were last used."""
    successor = KeySecret.objects.filter(key=OuterRef("key"), state=SecretState.ACTIVE).values("last_used_at")
    retiring = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now, key__revoked_at=None)
    retiring = retiring.annotate(successor_used_at=Subquery(successor))
    return [
        {
            "key": secret.key,
            "ends": ago_words(secret.expires_at, now),
            "last_used": ago_words(secret.last_used_at, now),
            "new_last_used": ago_words(secret.successor_used_at, now),
            "overdue": secret.overdue_at is not None
            and secret.last_used_at is not None
            and secret.last_used_at >= secret.overdue_at,
        }
        for secret in retiring.select_related("key").order_by("expires_at")[:LISTED]
    ]
