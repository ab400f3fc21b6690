"""Guard rail page: all guard rails with their current state."""

from datetime import datetime

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from health.guard_rails import GUARD_RAILS, GuardRail
from health.incidents import open_incidents
from health.models import Incident, Waiver


@require_safe
def guard_rails_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Return the page with every guard rail, its open incident, if any, and its active waivers."""
    if not request.user.has_perm("health.view_incident"):
        raise PermissionDenied
    now = timezone.now()
    context = {
        **site.each_context(request),
        "title": "Guard rails",
        "opts": Incident._meta,
        "rows": _rows(now),
        "may_waive": request.user.has_perm("health.add_waiver"),
    }
    return TemplateResponse(request, "console/guard_rails.html", context)


def _rows(now: datetime) -> list[tuple[GuardRail, Incident | None, list[Waiver]]]:
    incidents = {incident.guard_rail: incident for incident in open_incidents()}
    waivers: dict[str, list[Waiver]] = {}
    for waiver in Waiver.objects.in_force(now):
        waivers.setdefault(waiver.guard_rail, []).append(waiver)
    return [(rail, incidents.get(rail.name), waivers.get(rail.name, [])) for rail in GUARD_RAILS]
