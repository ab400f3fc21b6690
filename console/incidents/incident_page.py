"""Page of one incident: what happened, what to do, and who waived the guard rail."""

from typing import TYPE_CHECKING, Final

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from console.remedies import remedy_of
from console.sentences import event_lines
from events.models import Event
from health.guard_rails import BY_NAME
from health.models import Incident, Waiver
from latchkey.relative_time import format_relative_time

if TYPE_CHECKING:
    IncidentModelAdmin = ModelAdmin[Incident]
else:
    IncidentModelAdmin = ModelAdmin

_MAX_WAIVERS: Final = 10


def incident_page(request: HttpRequest, model_admin: IncidentModelAdmin, incident_id: int) -> HttpResponse:
    """Return the page of an incident. Raise PermissionDenied without the view permission, and for a form."""
    if not model_admin.has_view_permission(request) or request.method not in ("GET", "HEAD"):
        raise PermissionDenied
    incident = get_object_or_404(Incident, pk=incident_id)
    now = timezone.now()
    reported = [event_id for event_id in (incident.opened_by, incident.closed_by) if event_id is not None]
    events = Event.objects.filter(pk__in=reported).order_by("pk")
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": Incident._meta,
        "title": incident.guard_rail,
        "incident": incident,
        "lasted": duration(incident),
        # An incident of an earlier version may name a guard rail that no longer exists.
        "remedy": remedy_of(incident, request.user) if incident.guard_rail in BY_NAME else None,
        "waivers": _waivers(incident),
        "lines": event_lines(events, now) if request.user.has_perm("events.view_event") else [],
    }
    return TemplateResponse(request, "console/incidents/incident.html", context)


def duration(incident: Incident) -> str:
    """Return how long the incident lasted, or has lasted until now."""
    end = incident.closed_at or timezone.now()
    return format_relative_time(incident.opened_at, end).removesuffix(" ago")


def _waivers(incident: Incident) -> QuerySet[Waiver]:
    """Return the latest waivers of the guard rail that held while the incident was open."""
    granted = Waiver.objects.filter(guard_rail=incident.guard_rail, ends_at__gte=incident.opened_at)
    if incident.closed_at is not None:
        granted = granted.filter(granted_at__lte=incident.closed_at)
    return granted.order_by("-pk")[:_MAX_WAIVERS]
