"""Incidents in the admin, open and closed: read-only."""

from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.identifiers import with_links
from console.read_only_admin import ReadOnlyAdmin
from console.remedies import remedy_of
from health.guard_rails import BY_NAME
from health.models import Incident, Waiver
from latchkey.relative_time import format_relative_time

_MAX_WAIVERS: Final = 10


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
    """Open and closed incidents, newest first: what happened, for how long, and what to do about it."""

    list_display = ("what", "guard_rail", "level", "since", "lasted")
    list_display_links = ("guard_rail",)
    list_filter = (OpenFilter, "severity")
    fields = ("what", "guard_rail", "level", "lasted", "remedy", "opened", "closed", "waivers")
    readonly_fields = ("what", "level", "lasted", "remedy", "opened", "closed", "waivers")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.viewer = request.user  # `remedy` shows only what the user may do
        return found

    @admin.display(description="incident")
    def what(self, incident: Incident) -> SafeString:
        """Return what violates the guard rail, or last did."""
        return with_links(incident.detail)

    @admin.display(description="severity", ordering="severity")
    def level(self, incident: Incident) -> SafeString:
        """Return the severity, and whether the incident is open."""
        state = "" if incident.closed_at else ", open"
        return format_html('<span class="badge {}">{}{}</span>', incident.severity, incident.severity, state)

    @admin.display(description="since", ordering="opened_at")
    def since(self, incident: Incident) -> SafeString:
        """Return when the incident opened."""
        return _time(incident.opened_at)

    @admin.display(description="lasted")
    def lasted(self, incident: Incident) -> str:
        """Return how long the incident lasted, or has lasted until now."""
        end = incident.closed_at or timezone.now()
        return format_relative_time(incident.opened_at, end).removesuffix(" ago")

    @admin.display(description="opened")
    def opened(self, incident: Incident) -> SafeString:
        """Return when the incident opened, with a link to the event that reported it."""
        return format_html("{} {}", _time(incident.opened_at), _event_link(incident.opened_by))

    @admin.display(description="closed")
    def closed(self, incident: Incident) -> SafeString | str:
        """Return when the incident closed, with a link to the event that reported it; "-" if it is open."""
        if incident.closed_at is None:
            return "-"
        return format_html("{} {}", _time(incident.closed_at), _event_link(incident.closed_by))

    @admin.display(description="waivers")
    def waivers(self, incident: Incident) -> SafeString | str:
        """Return who waived the guard rail while the incident was open, for which key, until when and why."""
        granted = Waiver.objects.filter(guard_rail=incident.guard_rail, ends_at__gte=incident.opened_at)
        if incident.closed_at is not None:
            granted = granted.filter(granted_at__lte=incident.closed_at)
        lines = (
            (
                reverse("admin:health_waiver_change", args=[waiver.pk]),
                waiver.key_id or "all keys",
                waiver.granted_by.removeprefix("user:"),
                f"{waiver.ended_at or waiver.ends_at:%Y-%m-%d %H:%M:%S} UTC",
                waiver.reason,
            )
            for waiver in granted.order_by("-pk")[:_MAX_WAIVERS]
        )
        return format_html_join("", '<p><a href="{}">{}</a> by {} until {}: {}</p>', lines) or "-"

    @admin.display(description="what to do")
    def remedy(self, incident: Incident) -> SafeString | str:
        """Return what to do about the incident, with buttons if it is open."""
        # An incident of an earlier version may name a guard rail that no longer exists.
        if incident.guard_rail not in BY_NAME:
            return "-"
        remedy = remedy_of(incident, getattr(incident, "viewer", AnonymousUser()))
        buttons = [
            format_html('<a class="action{}" href="{}">{}</a> ', tone, url, text)
            for text, url, tone in (("Fix", remedy.fix, ""), ("Waive", remedy.waive, " secondary"))
            if url and incident.closed_at is None
        ]
        more = format_html('<a href="/guard-rails/{}">More about {}</a>', incident.guard_rail, incident.guard_rail)
        return format_html("{}<br>{}{}", remedy.text, format_html_join("", "{}", ((one,) for one in buttons)), more)


def _time(moment: datetime) -> SafeString:
    at, ago = f"{moment:%Y-%m-%d %H:%M:%S} UTC", format_relative_time(moment, timezone.now())
    return format_html('<span class="when">{}, <span class="quiet">{}</span></span>', at, ago)


def _event_link(event_id: int | None) -> SafeString | str:
    """Return a link to the event; nothing for a notice, which no event reports."""
    if event_id is None:
        return ""
    return format_html('<a href="{}">event {}</a>', reverse("admin:events_event_change", args=[event_id]), event_id)
