"""Guard rails about how long keys are valid, and whether they are needed."""

from datetime import datetime, timedelta
from typing import Final

from apikeys.models import APIKeyQuerySet
from apikeys.usage.last_use import key_used_since
from health.guard_rails.base import Severity
from health.guard_rails.keys import KeyGuardRail

EXPIRY_IN_VIEW: Final = timedelta(days=14)
UNUSED_FOR: Final = timedelta(days=90)


class KeyWithoutExpiry(KeyGuardRail):
    """A key that never expires: it outlives the people and the services that knew about it."""

    name = "key_without_expiry"
    severity = Severity.NOTICE
    remedy = "Set an expiry for each key, or grant the key a waiver."
    fault = "never expire"

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        return keys.filter(expires_at__isnull=True)


class ExpiringKey(KeyGuardRail):
    """A key that expires soon: its users are locked out then."""

    name = "expiring_key"
    severity = Severity.WARNING
    remedy = "Extend the expiry of the keys that are still needed, or issue new keys and switch to them."
    fault = f"expire within {EXPIRY_IN_VIEW.days} days"

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        return keys.filter(expires_at__lte=now + EXPIRY_IN_VIEW)


class UnusedKey(KeyGuardRail):
    """A key that isn't used: a risk without a benefit."""

    name = "unused_key"
    severity = Severity.NOTICE
    remedy = "Disable the keys, and revoke them if no one misses them."
    fault = f"were not used for {UNUSED_FOR.days} days"

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        since = now - UNUSED_FOR
        # A key that was issued since then hasn't had enough time to be used.
        return keys.filter(~key_used_since(since), created_at__lt=since)
