"""Guard rails about rate limits."""

from datetime import datetime

from django.conf import settings

from apikeys.models import APIKeyQuerySet
from events.types import EventType
from health.guard_rails.base import Severity
from health.guard_rails.keys import USABILITY_EVENTS, KeyGuardRail

_LIMIT_EVENTS = USABILITY_EVENTS | {EventType.RATE_LIMIT_CHANGED}


class UnlimitedKey(KeyGuardRail):
    """A key without a limit: it can use up whatever it calls, by accident or once it's stolen."""

    name = "unlimited_key"
    severity = Severity.WARNING
    remedy = "Set a rate limit for each key, or grant the key a waiver."
    fault = "have no rate limit"
    triggers = _LIMIT_EVENTS

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        return keys.filter(burst__isnull=True)


class ExcessiveBurst(KeyGuardRail):
    """A key with a burst above GUARD_RAIL_MAX_BURST, which is hardly a limit."""

    name = "excessive_burst"
    severity = Severity.WARNING
    remedy = "Lower the keys' burst, raise GUARD_RAIL_MAX_BURST, or grant the keys waivers."
    triggers = _LIMIT_EVENTS
    fault = "have a burst above GUARD_RAIL_MAX_BURST"

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        return keys.filter(burst__gt=settings.GUARD_RAIL_MAX_BURST)
