"""Incidents in the admin: what is wrong, and what was."""

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
    """Whether an incident is over."""

    title = parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        if self.value() is None:
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """What is wrong and what was, newest first, each with the events that told it."""

    list_display = ("guard_rail", "severity", "count", "opened_at", "opening", "closed_at", "closing")
    list_filter = (OpenFilter, "severity")
    fields = ("guard_rail", "severity", "count", "detail", "remedy", "opened_at", "opening", "closed_at", "closing")
    readonly_fields = ("remedy", "opening", "closing")

    @admin.display(description="opened by event")
    def opening(self, incident: Incident) -> SafeString | str:
        """The event that told the opening."""
        return _event_link(incident.opened_by)

    @admin.display(description="closed by event")
    def closing(self, incident: Incident) -> SafeString | str:
        """The event that told the closing."""
        return _event_link(incident.closed_by)

    @admin.display(description="what to do")
    def remedy(self, incident: Incident) -> SafeString | str:
        """The guard rail's remedy, and the way to its page."""
        rail = BY_NAME.get(incident.guard_rail)
        if rail is None:
            return "-"
        return format_html('{} <a href="/guard-rails/{}">More</a>', rail.remedy, rail.name)


def _event_link(event_id: int | None) -> SafeString | str:
    if event_id is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse("admin:events_event_change", args=[event_id]), event_id)
