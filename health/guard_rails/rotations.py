"""Guard rails about the age of secrets, and about rotations."""

from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef

from apikeys.models import APIKeyQuerySet, KeySecret, SecretState
from apikeys.usage.last_use import other_secret_used_since, secret_used_since
from events.types import EventType
from health.guard_rails.base import Severity
from health.guard_rails.keys import USABILITY_EVENTS, KeyGuardRail

_SECRET_EVENTS = USABILITY_EVENTS | {EventType.KEY_ROTATED, EventType.ROTATION_FINISHED}


class OldSecret(KeyGuardRail):
    """An old secret: the longer a secret is valid, the more copies of it exist."""

    name = "old_secret"
    severity = Severity.WARNING
    remedy = "Rotate the keys, or raise SECRET_MAX_AGE."
    fault = "have a secret older than SECRET_MAX_AGE"
    triggers = _SECRET_EVENTS

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        born = now - settings.SECRET_MAX_AGE
        old = KeySecret.objects.filter(key=OuterRef("pk"), state=SecretState.ACTIVE, created_at__lt=born)
        return keys.filter(Exists(old))


class OverdueRotation(KeyGuardRail):
    """An old secret that is still needed, although it ends soon: in the last quarter of its grace, a day at most.

    It's needed if it was used in that time, or if it was used during the rotation and the new one never was.
    """

    name = "overdue_rotation"
    severity = Severity.WARNING
    remedy = "Give the new secret to every client that still uses the old one, before the old one ends."
    fault = "still depend on their old secret, which ends soon"
    triggers = _SECRET_EVENTS

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        # The old secret's user may be a nightly job that doesn't run again before the end.
        unused = KeySecret.objects.filter(
            ~secret_used_since("created_at"),
            other_secret_used_since("created_at"),
            key=OuterRef("key"),
            state=SecretState.ACTIVE,
        )
        overdue = KeySecret.objects.filter(
            secret_used_since("overdue_at") | Exists(unused),
            key=OuterRef("pk"),
            state=SecretState.RETIRING,
            expires_at__gt=now,
            overdue_at__lte=now,
        )
        return keys.filter(Exists(overdue))
