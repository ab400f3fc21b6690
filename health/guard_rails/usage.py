"""Guard rail about the number of usage rows."""

from datetime import datetime

from django.conf import settings

from apikeys.usage.retention import kept_shorter
from health.guard_rails.base import Finding, GuardRail, Severity
from latchkey.timestamps import rfc3339


class ShortenedUsage(GuardRail):
    """Usage that is kept shorter than documented, because more keys are in use than USAGE_ROWS has room for."""

    name = "shortened_usage"
    severity = Severity.NOTICE
    remedy = "Raise USAGE_ROWS if the disk has room, or accept that usage of single keys is kept for a shorter time."

    def find(self, now: datetime) -> Finding | None:
        found = kept_shorter(now)
        if not found:
            return None
        since = ", ".join(f"{step.value}s since {rfc3339(start)}" for step, start in found.items())
        return Finding(len(found), f"Beyond {settings.USAGE_ROWS:,} rows, usage of single keys is kept by {since}.")
