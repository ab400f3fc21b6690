"""Incidents in the admin, open and closed: read-only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.events import ReadOnlyAdmin
from health.guard_rails import BY_NAME
from health.models import Incident


class OpenFilter(admin.SimpleListFilter):
    """A filter for open or closed incidents."""

    title = parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        if self.value() is None:
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Open and closed incidents, newest first, with links to the events that opened and closed them."""

    list_display = ("guard_rail", "severity", "count", "opened_at", "opening", "closed_at", "closing")
    list_filter = (OpenFilter, "severity")
    fields = ("guard_rail", "severity", "count", "detail", "remedy", "opened_at", "opening", "closed_at", "closing")
    readonly_fields = ("remedy", "opening", "closing")

    @admin.display(description="opened by event")
    def opening(self, incident: Incident) -> SafeString | str:
        """Return a link to the event that opened the incident."""
        return _event_link(incident.opened_by)

    @admin.display(description="closed by event")
    def closing(self, incident: Incident) -> SafeString | str:
        """Return a link to the event that closed the incident, or "-" if it is open."""
        return _event_link(incident.closed_by)

    @admin.display(description="what to do")
    def remedy(self, incident: Incident) -> SafeString | str:
        """Return the guard rail's remedy with a link to its page."""
        # An incident of an earlier version may name a guard rail that no longer exists.
        rail = BY_NAME.get(incident.guard_rail)
        if rail is None:
            return "-"
        return format_html('{} <a href="/guard-rails/{}">More</a>', rail.remedy, rail.name)


def _event_link(event_id: int | None) -> SafeString | str:
    if event_id is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse("admin:events_event_change", args=[event_id]), event_id)
