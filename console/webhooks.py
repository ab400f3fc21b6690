"""Webhooks in Django's admin: shown, tested, enabled and disabled; nothing here shows a secret or a salt."""

from collections.abc import Callable

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from console.operator import operator_service
from events.webhooks.endpoints import WebhookEndpoints
from events.webhooks.errors import WebhookNotFound
from events.webhooks.models import WebhookEndpoint

SHOWN = (
    "endpoint_id",
    "url",
    "label",
    "event_types",
    "enabled",
    "disabled_reason",
    "created_at",
    "retiring_until",
    "delivered_through",
    "failures",
    "failing_since",
    "next_attempt_at",
    "last_attempt_at",
    "last_status",
    "last_error",
    "test_requested_at",
    "last_test",
)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Webhooks. They are added, changed and removed over REST, where the secret is shown."""

    fields = SHOWN
    list_display = ("endpoint_id", "label", "enabled", "disabled_reason", "failures", "last_status", "last_error")
    search_fields = ("endpoint_id", "label")
    actions = ("send_test", "enable", "disable")

    @admin.action(description="Send a test delivery", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Has a test sent to each of the chosen webhooks."""
        self._each(request, queryset, "to be tested", WebhookEndpoints.request_test)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Enables the chosen webhooks; each goes on where it stopped."""
        self._each(request, queryset, "enabled", lambda webhooks, name: webhooks.update(name, {"enabled": True}))

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Disables the chosen webhooks."""
        self._each(request, queryset, "disabled", lambda webhooks, name: webhooks.update(name, {"enabled": False}))

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[WebhookEndpoint],
        done: str,
        change: Callable[[WebhookEndpoints, str], object],
    ) -> None:
        webhooks = operator_service(request).webhooks
        changed = 0
        for endpoint_id in queryset.values_list("endpoint_id", flat=True):
            try:
                change(webhooks, endpoint_id)
            except WebhookNotFound:
                continue
            changed += 1
        self.message_user(request, f"{changed} {done}.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        return False
