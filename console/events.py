"""Event log in the admin: read-only."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.model_admin import OperatorModelAdmin
from events.models import Event


class ReadOnlyAdmin(OperatorModelAdmin):
    """Base class for read-only admin pages: rows can't be added, changed or deleted."""

    # Counting all rows is slow with a long event log, so a filtered list shows only the number of its own rows.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The event log, newest event first."""

    list_display = ("id", "type", "at", "actor", "key_id", "request_id")
    list_filter = ("type",)
    search_fields = ("=key_id", "=request_id", "=actor")
    search_help_text = "The full key ID, request ID or actor."
    ordering = ("-id",)
    fields = ("id", "type", "at", "actor", "request_id", "key_id", "formatted_data", "digest")
    readonly_fields = ("formatted_data",)

    @admin.display(description="data")
    def formatted_data(self, event: Event) -> SafeString:
        """Return the event's data as formatted JSON."""
        text = json.dumps(event.data, indent=2, ensure_ascii=False)
        return format_html('<pre class="json">{}</pre>', text)
