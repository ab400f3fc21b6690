"""Waivers in the admin: maps the paths to the pages."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from access.model_admin import is_row_number
from console.read_only_admin import ReadOnlyAdmin
from console.waivers.pages import end_waiver, grant_waiver, waiver_list, waiver_page
from health.models import Waiver


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin):
    """Waivers: can be granted and ended early, both with the add permission, but not changed or deleted."""

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(partial(end_waiver, model_admin=self))
        # First, because Django's own patterns end with one that matches every path.
        return [path("<int:waiver_id>/end/", end, name="health_waiver_end"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return waiver_list(request, self)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return grant_waiver(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not is_row_number(object_id):
            raise Http404
        return waiver_page(request, self, int(object_id))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)
