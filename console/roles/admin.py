"""Roles in the admin: maps the paths to the pages."""

from typing import Any

# Django registers its own pages when this module is loaded, and they are replaced here.
import django.contrib.auth.admin  # noqa: F401
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed

from access.model_admin import OperatorModelAdmin, is_row_number
from access.role_changes import is_built_in
from console.roles.pages import add_role, delete_role, role_page, role_table

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(OperatorModelAdmin):
    """Roles: Latchkey's own can't be changed; every change of another one goes through `access.role_changes`."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return role_table(request, self)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return add_role(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return role_page(request, self, _number(object_id))

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return delete_role(request, self, _number(object_id))

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or not is_built_in(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not is_built_in(obj))


def _number(object_id: str) -> int:
    if not is_row_number(object_id):
        raise Http404
    return int(object_id)
