"""Guard rail about imported keys."""

from datetime import datetime, timedelta
from typing import Final

from apikeys.models import APIKeyQuerySet, KeySecret
from events.types import EventType
from health.guard_rails.base import Severity
from health.guard_rails.keys import USABILITY_EVENTS, KeyGuardRail

MAX_DAYS: Final = 30


class ForeignDigest(KeyGuardRail):
    """An imported token that wasn't used for long: its digest has no pepper, so a copy of the database verifies it."""

    name = "foreign_digest"
    severity = Severity.WARNING
    remedy = "Rotate or revoke the keys. If a client still uses one, its first request replaces the digest."
    fault = f"have an imported token that was not used within {MAX_DAYS} days"
    triggers = USABILITY_EVENTS | {EventType.KEY_ROTATED, EventType.ROTATION_FINISHED}

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        imported = now - timedelta(days=MAX_DAYS)
        unused = KeySecret.objects.filter(foreign_hash__isnull=False, created_at__lt=imported)
        return keys.filter(pk__in=unused.values("key_id"))
