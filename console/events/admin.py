"""Event log in the admin: maps the paths to the pages, all of them read-only."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from access.model_admin import is_row_number
from console.events.event_list import event_list, export_events
from console.events.event_page import event_page
from console.read_only_admin import ReadOnlyAdmin
from events.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The event log: its list, and the page of one event."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        exports = [
            path(
                f"export.{form}",
                wrap(partial(export_events, model_admin=self, form=form)),
                name=f"events_event_export_{form}",
            )
            for form in ("csv", "jsonl")
        ]
        # First, because Django's own patterns end with one that matches every path.
        return [*exports, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return event_list(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not is_row_number(object_id):
            raise Http404
        return event_page(request, self, int(object_id))
