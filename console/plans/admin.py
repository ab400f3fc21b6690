"""Plans in the admin: maps the paths to the pages."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from access.model_admin import OperatorModelAdmin
from apikeys.models import Plan
from console.plans.pages import add_plan, delete_plan, edit_plan
from console.plans.plan_list import plan_list
from console.plans.plan_page import plan_page


@admin.register(Plan)
class PlanAdmin(OperatorModelAdmin):
    """Plans: every change goes through PolicyService. The URLs of a plan's pages contain its name."""

    address_field = "name"

    def get_urls(self) -> list[URLPattern]:
        edit = self.admin_site.admin_view(partial(edit_plan, model_admin=self))
        # First, because Django's own patterns end with one that matches every path.
        return [path("<str:name>/edit/", edit, name="apikeys_plan_edit"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return plan_list(request, self)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return add_plan(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return plan_page(request, self, object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return delete_plan(request, self, object_id)
