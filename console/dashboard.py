"""Dashboard: the current state of the installation, read in a constant number of queries."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import OuterRef, Subquery, Sum

from apikeys.key_counts import latest_counts
from apikeys.models import APIKey, KeySecret, SecretState, Usage, UsageStep
from apikeys.usage.series import total_usage
from console.charts import bar_chart
from console.formatting import format_relative_time
from events.models import Event
from health.guard_rails import BY_NAME
from health.guard_rails.lifetimes import ExpiringKey
from health.incidents import open_incidents

MAX_ROWS: Final = 8
DAY: Final = timedelta(days=1)


def dashboard(now: datetime) -> dict[str, Any]:
    """Return the context of the dashboard's template."""
    census = latest_counts(now)
    return {
        "now": now,
        "census": census,
        "day": bar_chart(total_usage(UsageStep.HOUR, 24, now), title="Last 24 hours", time_format="%d %b %H:%M UTC"),
        "month": bar_chart(total_usage(UsageStep.DAY, 30, now), title="Last 30 days", time_format="%d %b"),
        "incidents": [(incident, BY_NAME[incident.guard_rail]) for incident in open_incidents()],
        "throttled": _most_throttled(now),
        "rotations": _rotations(now),
        "expiring": ExpiringKey().violating(APIKey.objects.usable(now), now).order_by("expires_at")[:MAX_ROWS],
        "events": Event.objects.order_by("-id")[:MAX_ROWS],
    }


def _most_throttled(now: datetime) -> list[dict[str, Any]]:
    """Return the keys with the most throttled requests in the last day, and their `count`, highest first."""
    rows: Any = (
        Usage.objects.filter(step=UsageStep.HOUR, start__gt=now - DAY, throttled__gt=0)
        .values("key_id", "key__key_id", "key__label")
        .annotate(count=Sum("throttled"))
        .order_by("-count", "key_id")
    )
    return list(rows[:MAX_ROWS])


def _rotations(now: datetime) -> list[dict[str, Any]]:
    """Return the retiring secrets that expire first, and when they and their successors were last used."""
    successor = KeySecret.objects.filter(key=OuterRef("key"), state=SecretState.ACTIVE).values("last_used_at")
    retiring = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now, key__revoked_at=None)
    retiring = retiring.annotate(successor_used_at=Subquery(successor))
    return [
        {
            "key": secret.key,
            "ends": format_relative_time(secret.expires_at, now),
            "last_used": format_relative_time(secret.last_used_at, now),
            "new_last_used": format_relative_time(secret.successor_used_at, now),
            "overdue": secret.overdue_at is not None
            and secret.last_used_at is not None
            and secret.last_used_at >= secret.overdue_at,
        }
        for secret in retiring.select_related("key").order_by("expires_at")[:MAX_ROWS]
    ]
