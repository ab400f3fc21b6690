"""Pages of deliveries: all that are kept of a webhook, one with its request and response, and sending it again."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from console.webhooks.delivery_lines import delivery_lines
from console.webhooks.pages import WebhookView
from events.models import Event, WebhookAttempt
from events.webhooks.attempt_log import find_attempt
from events.webhooks.attempt_pages import sent_body
from events.webhooks.service import WebhookService


class DeliveriesPage(WebhookView):
    """All deliveries of a webhook that are kept, newest first."""

    http_method_names = ["get", "head"]
    title = "Deliveries"
    template = "console/webhooks/deliveries.html"
    view_permission = "events.view_webhookendpoint"

    def context(self) -> dict[str, Any]:
        # The attempt log bounds their number.
        now = timezone.now()
        return {"now": now, "lines": delivery_lines(self.webhook.attempts.order_by("-id"), now, self.request.user)}


class DeliveryPage(WebhookView):
    """One delivery: what came of it, its request and its response."""

    http_method_names = ["get", "head"]
    title = "Delivery"
    template = "console/webhooks/delivery.html"
    view_permission = "events.view_webhookendpoint"
    attempt: WebhookAttempt

    def find(self, endpoint_id: str, attempt_id: int = 0, **_more: Any) -> None:
        """Find the webhook and its attempt. Raise WebhookNotFound or DeliveryNotFound."""
        super().find(endpoint_id)
        self.attempt = find_attempt(self.webhook, attempt_id)

    def context(self) -> dict[str, Any]:
        now, attempt = timezone.now(), self.attempt
        (line,) = delivery_lines([attempt], now, self.request.user)
        may_read = attempt.event_id is None or self.request.user.has_perm("events.view_event")
        body = sent_body(attempt, self.webhook) if may_read else None
        return {
            "now": now,
            "line": line,
            "attempt": attempt,
            "may_read": may_read,
            "body": json.dumps(json.loads(body), indent=2, ensure_ascii=False) if body else "",
            "may_resend": self.request.user.has_perm(self.permission)
            and Event.objects.filter(id=attempt.event_id or 0).exists(),
        }


class ResendView(DeliveryPage):
    """Requests that the event of a delivery is sent again."""

    http_method_names = ["post"]
    template = ""

    def apply(self, service: WebhookService, form: forms.Form) -> HttpResponse:
        resend = service.resend(self.webhook.endpoint_id, self.attempt.pk)
        text = "The event is being sent again. Reload this page to see the result."
        messages.success(self.request, text)
        return redirect(reverse("admin:events_webhook_delivery", args=[self.webhook.endpoint_id, resend.pk]))
