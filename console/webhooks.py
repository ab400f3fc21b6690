"""Webhooks in the admin: can be viewed, tested, enabled and disabled. No page shows a secret or a salt."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from access.model_admin import MAX_ROWS_PER_ACTION, OperatorModelAdmin
from console.operator import config_service_for
from console.optimistic_locking import FIELD, known_states
from events.lock_timeout import record_lock_timeout
from events.models import WebhookEndpoint
from events.webhooks.errors import WebhookNotFound
from events.webhooks.service import WebhookService
from latchkey.preconditions import PreconditionFailed

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
class WebhookEndpointAdmin(OperatorModelAdmin):
    """Webhooks. They are added, changed and removed through the REST API, which shows the secret."""

    address_field = "endpoint_id"
    fields = SHOWN
    list_display = ("endpoint_id", "label", "enabled", "disabled_reason", "failures", "last_status", "last_error")
    search_fields = ("endpoint_id", "label")
    actions = ("send_test", "enable", "disable")
    # One page must hold all rows of an action, because the page contains the state that each webhook had.
    list_per_page = MAX_ROWS_PER_ACTION

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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        return False
