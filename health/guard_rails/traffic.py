"""Guard rails about the behavior of callers."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, QuerySet

from apikeys.models import APIKeyQuerySet, Usage, UsageStep
from events.types import EventType
from health.failure_bursts import MAX_BURSTS
from health.guard_rails.base import QueryGuardRail, Severity
from health.guard_rails.keys import KeyGuardRail
from health.models import FailureBurst

THROTTLING_WINDOW: Final = timedelta(minutes=15)
THROTTLED_MINUTES: Final = 10


class SustainedThrottling(KeyGuardRail):
    """A key that reaches its limit again and again: the limit is wrong, or the caller doesn't wait."""

    name = "sustained_throttling"
    severity = Severity.WARNING
    remedy = "Find out why the client ignores Retry-After, or raise the keys' limit."
    fault = f"were throttled in {THROTTLED_MINUTES} of the last {THROTTLING_WINDOW.seconds // 60} minutes"

    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        minutes = Usage.objects.filter(
            step=UsageStep.MINUTE, start__gt=now - THROTTLING_WINDOW, start__lte=now, throttled__gt=0
        )
        often = minutes.values("key").annotate(minutes=Count("pk")).filter(minutes__gte=THROTTLED_MINUTES)
        return keys.filter(pk__in=often.values("key"))


class AuthenticationFailures(QueryGuardRail):
    """Addresses over AUTH_FAILURE_LIMIT: someone tries credentials, or a client continues with an old one."""

    name = "authentication_failures"
    severity = Severity.WARNING
    remedy = "Find the addresses in the log; give a client its new credential, or block an attacker at your proxy."
    triggers = frozenset({EventType.AUTHENTICATION_FAILURE_BURST})
    every_run = True
    max_counted = MAX_BURSTS

    def violating_names(self, now: datetime) -> QuerySet[Any, Any]:
        return FailureBurst.objects.order_by("since", "address").values_list("address")

    def detail(self, names: str) -> str:
        return f"Addresses over AUTH_FAILURE_LIMIT: {names}."
