"""Webhooks in the admin: maps the paths to the pages, and changes several in the list."""

from collections.abc import Callable
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from access.model_admin import MAX_ROWS_PER_ACTION, OperatorModelAdmin
from console.identifiers import identifier
from console.operator import config_service_for
from console.optimistic_locking import FIELD, known_states
from console.webhooks.deliveries import DeliveriesPage, DeliveryPage, ResendView
from console.webhooks.pages import (
    DeleteView,
    RotateSecretView,
    TestView,
    ToggleView,
    WebhookPage,
    WebhookView,
    add_webhook,
)
from events.lock_timeout import record_lock_timeout
from events.models import DisabledReason, WebhookEndpoint
from events.webhooks.errors import WebhookNotFound
from events.webhooks.service import WebhookService
from latchkey.preconditions import PreconditionFailed
from latchkey.relative_time import format_relative_time

ACTIONS: Final[dict[str, tuple[str, type[WebhookView]]]] = {
    "rotate": ("rotate", RotateSecretView),
    "test": ("test", TestView),
    "toggle": ("toggle", ToggleView),
    "remove": ("remove", DeleteView),
    "deliveries": ("deliveries", DeliveriesPage),
    "delivery": ("deliveries/<int:attempt_id>", DeliveryPage),
    "resend": ("deliveries/<int:attempt_id>/resend", ResendView),
}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OperatorModelAdmin):
    """Webhooks: every change goes through WebhookService. No page shows a salt, and a secret only when it is new."""

    address_field = "endpoint_id"
    list_title = "Webhooks"
    add_label = "Add a webhook"
    list_display = ("name", "webhook_id", "state", "failures", "last_result")
    search_fields = ("endpoint_id", "label")
    actions = ("send_test", "enable", "disable")
    # One page must hold all rows of an action, because the page contains the state that each webhook had.
    list_per_page = MAX_ROWS_PER_ACTION

    @admin.display(description="webhook", ordering="label")
    def name(self, webhook: WebhookEndpoint) -> str:
        """Return the label, or the ID of a webhook without one."""
        return webhook.label or webhook.endpoint_id

    @admin.display(description="ID", ordering="endpoint_id")
    def webhook_id(self, webhook: WebhookEndpoint) -> SafeString:
        """Return the ID as a link that can be copied."""
        return identifier("webhook", webhook.endpoint_id)

    @admin.display(description="state", ordering="enabled")
    def state(self, webhook: WebhookEndpoint) -> SafeString:
        """Return whether the webhook is enabled, or why not."""
        if webhook.enabled:
            return format_html('<span class="badge active">{}</span>', "enabled")
        tone = "disabled" if webhook.disabled_reason == DisabledReason.OPERATOR else "critical"
        return format_html('<span class="badge {}">disabled: {}</span>', tone, webhook.disabled_reason)

    @admin.display(description="last attempt")
    def last_result(self, webhook: WebhookEndpoint) -> str:
        """Return when the last delivery was attempted, and what came of it."""
        if webhook.last_attempt_at is None:
            return "never"
        ago = format_relative_time(webhook.last_attempt_at, timezone.now())
        return f"{ago}: {webhook.last_error or f'HTTP {webhook.last_status}'}"

    @admin.display(description=mark_safe('<input type="checkbox" id="action-toggle">'))
    def action_checkbox(self, obj: WebhookEndpoint) -> SafeString:
        """Return the checkbox that selects a webhook, and a hidden field with the state that the list shows."""
        state = format_html('<input type="hidden" name="{}_{}" value="{}">', FIELD, obj.pk, obj.revision)
        return super().action_checkbox(obj) + state

    @admin.action(description="Send a test delivery", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Request a test delivery to every selected webhook."""
        self._each(request, queryset, "Test deliveries requested", WebhookService.request_test)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Enable the selected webhooks; deliveries continue where they stopped."""
        self._each(
            request, queryset, "Webhooks enabled", lambda webhooks, name: webhooks.update(name, {"enabled": True})
        )

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Disable the selected webhooks."""
        self._each(
            request, queryset, "Webhooks disabled", lambda webhooks, name: webhooks.update(name, {"enabled": False})
        )

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[WebhookEndpoint],
        done: str,
        change: Callable[[WebhookService, str], object],
    ) -> None:
        changed = 0
        for pk, endpoint_id in queryset.values_list("pk", "endpoint_id"):
            try:
                change(config_service_for(request, known_states(request, f"{FIELD}_{pk}")).webhooks, endpoint_id)
            except WebhookNotFound:
                # Not an error here: it was removed in the meantime.
                continue
            except PreconditionFailed:
                text = f"Webhook {endpoint_id} was changed after this list was loaded. Review it, then try again."
                self.message_user(request, text, messages.ERROR)
                continue
            except OperationalError as error:
                record_lock_timeout(error)
                # The next webhook would wait as long, and there may be hundreds.
                text = (
                    f"The database can't be changed right now. {endpoint_id} and the webhooks after it are unchanged."
                )
                self.message_user(request, text, messages.ERROR)
                break
            changed += 1
        self.message_user(request, f"{done}: {changed}.")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        actions = [
            path(f"<str:endpoint_id>/{place}/", wrap(view.as_view(model_admin=self)), name=f"events_webhook_{name}")
            for name, (place, view) in ACTIONS.items()
        ]
        # First, because Django's own patterns end with one that matches every path.
        return [*actions, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return add_webhook(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return cast(HttpResponse, WebhookPage.as_view(model_admin=self)(request, endpoint_id=object_id))

    def has_delete_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        return False
