"""Guard rails about webhooks."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from events.models import DisabledReason, WebhookEndpoint
from events.types import EventType
from events.webhooks.service import MAX_ENDPOINTS
from health.guard_rails.base import QueryGuardRail, Severity


class DeadWebhook(QueryGuardRail):
    """A webhook that was disabled because it failed: its receiver gets no more events."""

    name = "dead_webhook"
    severity = Severity.WARNING
    remedy = "Fix the receiver and enable the webhook again: deliveries continue where they stopped. Or delete it."
    triggers = frozenset({EventType.WEBHOOK_DISABLED, EventType.WEBHOOK_UPDATED, EventType.WEBHOOK_REMOVED})

    # One more than there can be, so all of them are counted.
    max_counted = MAX_ENDPOINTS + 1

    def violating_names(self, now: datetime) -> QuerySet[Any, Any]:
        given_up = WebhookEndpoint.objects.filter(disabled_reason__in=(DisabledReason.DEAD, DisabledReason.GONE))
        return given_up.order_by("pk").values_list("endpoint_id")

    def detail(self, names: str) -> str:
        return f"Webhooks that were disabled because they failed: {names}."
