"""Incidents in the admin, open and closed: maps the paths to the pages, all of them read-only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from access.model_admin import is_row_number
from console.incidents.incident_page import duration, incident_page
from console.read_only_admin import ReadOnlyAdmin
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
    """Open and closed incidents, newest first: what happened, for how long, and what to do about it."""

    list_filter = (OpenFilter, "severity")
    change_list_template = "console/incidents/list.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            context["rows"] = [(incident, duration(incident)) for incident in context["cl"].result_list]
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not is_row_number(object_id):
            raise Http404
        return incident_page(request, self, int(object_id))
