"""Event log in the admin: maps the paths to the pages, all of them read-only."""

import json
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.events.event_list import event_list, export_events
from console.identifiers import identifier
from console.read_only_admin import ReadOnlyAdmin
from console.sentences import data_of, event_lines
from events.models import Event
from latchkey.relative_time import format_relative_time


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The event log: its list, and the page of one event."""

    fields = ("what", "type", "when", "actor", "key", "request", "changes", "formatted_data", "digest")
    readonly_fields = ("what", "when", "key", "request", "changes", "formatted_data")

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

    @admin.display(description="event")
    def what(self, event: Event) -> SafeString:
        """Return what happened, as a sentence."""
        return event_lines([event], timezone.now())[0].sentence

    @admin.display(description="when")
    def when(self, event: Event) -> SafeString:
        """Return the time, and how long ago that is."""
        ago = format_relative_time(event.at, timezone.now())
        at = f"{event.at:%Y-%m-%d %H:%M:%S} UTC"
        return format_html('<span class="when">{}<br><span class="quiet">{}</span></span>', at, ago)

    @admin.display(description="key")
    def key(self, event: Event) -> SafeString | str:
        """Return the key ID that the event is about, or "-"."""
        return identifier("key", event.key_id) if event.key_id else "-"

    @admin.display(description="request")
    def request(self, event: Event) -> SafeString:
        """Return the request ID, with a link to all events of the same request."""
        return identifier("request", event.request_id)

    @admin.display(description="changes")
    def changes(self, event: Event) -> SafeString | str:
        """Return what changed as a table, from and to; "-" for an event that changed no fields."""
        data = data_of(event)
        before, after = data.get("from"), data.get("to")
        if not isinstance(before, dict) and not isinstance(after, dict):
            return "-"
        # The unlimited side of a limit is null, and what was added has no "from".
        old, new = (side if isinstance(side, dict) else {} for side in (before, after))
        rows = ((name, _json(old.get(name)), _json(new.get(name))) for name in {**old, **new})
        return format_html(
            "<table><thead><tr><th>Field</th><th>From</th><th>To</th></tr></thead><tbody>{}</tbody></table>",
            format_html_join("", "<tr><td>{}</td><td><code>{}</code></td><td><code>{}</code></td></tr>", rows),
        )

    @admin.display(description="data")
    def formatted_data(self, event: Event) -> SafeString:
        """Return the event's data as formatted JSON."""
        data = data_of(event)
        text = json.dumps(data, indent=2, ensure_ascii=False) if data else event.data_json
        return format_html('<pre class="json">{}</pre>', text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
