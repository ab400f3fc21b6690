"""Guard rails about the age of secrets and their rotation."""

from datetime import datetime

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q

from apikeys.models import APIKeyQuerySet, KeySecret, SecretState
from events.types import EventType
from health.guard_rails.base import Severity
from health.guard_rails.keys import USABILITY, KeyGuardRail

_OF_SECRETS = USABILITY | {EventType.KEY_ROTATED, EventType.ROTATION_FINISHED}


class OldSecret(KeyGuardRail):
    """The longer a secret lives, the more places it lies in."""

    name = "old_secret"
    severity = Severity.WARNING
    remedy = "Rotate the keys, or raise SECRET_MAX_AGE."
    fault = "have a secret older than SECRET_MAX_AGE"
    triggers = _OF_SECRETS

    def among(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        born = now - settings.SECRET_MAX_AGE
        old = KeySecret.objects.filter(key=OuterRef("pk"), state=SecretState.ACTIVE, created_at__lt=born)
        return keys.filter(Exists(old))


class OverdueRotation(KeyGuardRail):
    """The old secret is still needed, and its end is near: within a quarter of its grace, and a day at most.

    It is needed if it was used since then, or if it was used during the rotation and the new one never was: a nightly
    job may not come again before the end.
    """

    name = "overdue_rotation"
    severity = Severity.WARNING
    remedy = "Give the new secret to everyone who still uses the old one, before that ends."
    fault = "still depend on their old secret, which ends soon"
    triggers = _OF_SECRETS

    def among(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        unused = KeySecret.objects.filter(
            key=OuterRef("key"), state=SecretState.ACTIVE, last_used_at=None, created_at__lte=OuterRef("last_used_at")
        )
        overdue = KeySecret.objects.filter(
            Q(last_used_at__gte=F("overdue_at")) | Exists(unused),
            key=OuterRef("pk"),
            state=SecretState.RETIRING,
            expires_at__gt=now,
            overdue_at__lte=now,
        )
        return keys.filter(Exists(overdue))
