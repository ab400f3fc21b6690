"""Webhooks in the admin: maps the paths to the pages, and changes several in the list."""

from collections.abc import Callable
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from access.model_admin import MAX_ROWS_PER_ACTION, OperatorModelAdmin
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
from events.models import WebhookEndpoint
from events.webhooks.errors import WebhookNotFound
from events.webhooks.service import WebhookService
from latchkey.preconditions import PreconditionFailed

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
    change_list_template = "console/webhooks/list.html"
    search_fields = ("endpoint_id", "label")
    actions = ("send_test", "enable", "disable")
    # One page must hold all rows of an action, because the page contains the state that each webhook had.
    list_per_page = MAX_ROWS_PER_ACTION

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
