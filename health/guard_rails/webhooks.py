"""Guard rails about webhooks."""

from datetime import datetime

from events.types import EventType
from events.webhooks.models import DisabledReason, WebhookEndpoint
from health.guard_rails.base import Finding, GuardRail, Severity, named


class DeadWebhook(GuardRail):
    """Whoever waits for events at the endpoint hears of nothing any more."""

    name = "dead_webhook"
    severity = Severity.WARNING
    remedy = "Mend the receiver and enable the webhook again: it goes on where it stopped. Or delete it."
    triggers = frozenset({EventType.WEBHOOK_DISABLED, EventType.WEBHOOK_UPDATED, EventType.WEBHOOK_REMOVED})

    def find(self, now: datetime) -> Finding | None:
        given_up = WebhookEndpoint.objects.filter(disabled_reason__in=(DisabledReason.DEAD, DisabledReason.GONE))
        ids = list(given_up.order_by("pk").values_list("endpoint_id", flat=True))
        if not ids:
            return None
        return Finding(len(ids), f"Webhooks that were disabled because they failed: {named(ids, len(ids) + 1)}.")
