"""Guard rails about rate limits."""

from datetime import datetime

from django.conf import settings
from django.db.models import Q

from apikeys.models import APIKeyQuerySet, Owner, limited_by_plans
from apikeys.models.plan import enforces
from events.draft import Entry
from events.types import EventType
from health.guard_rails.base import Severity
from health.guard_rails.keys import NO_KEY, USABILITY_EVENTS, KeyGuardRail
from ratelimit.plan_limit import Shared

_LIMIT_EVENTS = USABILITY_EVENTS | {EventType.RATE_LIMIT_CHANGED}


class UnlimitedKey(KeyGuardRail):
    """A key without any enforced limit: it can use up whatever it calls, by accident or once it's stolen."""

    name = "unlimited_key"
    severity = Severity.WARNING
    remedy = "Set a rate limit for each key, give it a plan that enforces one, or grant the key a waiver."
    fault = "have no enforced limit"
    triggers = _LIMIT_EVENTS

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        return keys.filter(~limited_by_plans(), burst__isnull=True)

    def affected(self, entry: Entry) -> Q | None:
        match entry.type, entry.data:
            case EventType.PLAN_CHANGED, {"plan": str(plan), "from": {"limits": before}, "to": {"limits": after}}:
                changes = [(enforces(before, shared), enforces(after, shared)) for shared in Shared]
                if (True, False) in changes:
                    owners = Owner.objects.filter(plan__name=plan).order_by()
                    return Q(plan_id=plan) | Q(owner__in=owners.values("name"))
                return NO_KEY if (False, True) in changes else None
            case EventType.OWNER_CHANGED, {"owner": str(owner), "to": {"plan": _}}:
                return Q(owner=owner)
            case EventType.OWNER_CREATED, {"plan": str()}:
                return NO_KEY
        return None


class ExcessiveBurst(KeyGuardRail):
    """A key with a burst above GUARD_RAIL_MAX_BURST, which is hardly a limit."""

    name = "excessive_burst"
    severity = Severity.WARNING
    remedy = "Lower the keys' burst, raise GUARD_RAIL_MAX_BURST, or grant the keys waivers."
    triggers = _LIMIT_EVENTS
    fault = "have a burst above GUARD_RAIL_MAX_BURST"

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        return keys.filter(burst__gt=settings.GUARD_RAIL_MAX_BURST)
