"""Owners in the admin: maps the paths to the pages."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from access.model_admin import OperatorModelAdmin
from apikeys.models import Owner
from console.owners.limit_pages import OwnerAdjustView, OwnerEndOverrideView, OwnerOverrideView
from console.owners.owner_list import owner_list
from console.owners.pages import add_owner, change_owner_plan, delete_owner, owner_by_name, owner_page


@admin.register(Owner)
class OwnerAdmin(OperatorModelAdmin):
    """Owners: every change goes through PolicyService. The URLs of an owner's pages contain its slug."""

    address_field = "slug"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        adjust, override, end = (
            wrap(view.as_view(model_admin=self)) for view in (OwnerAdjustView, OwnerOverrideView, OwnerEndOverrideView)
        )
        # First, because Django's own patterns end with one that matches every path.
        return [
            path("by-name/", wrap(partial(owner_by_name, model_admin=self)), name="apikeys_owner_by_name"),
            path("<str:slug>/plan/", wrap(partial(change_owner_plan, model_admin=self)), name="apikeys_owner_plan"),
            path("<str:ident>/adjust/<str:limit>/", adjust, name="apikeys_owner_adjust"),
            path("<str:ident>/override/", override, name="apikeys_owner_override"),
            path("<str:ident>/override/<int:override_id>/end/", end, name="apikeys_owner_end_override"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return owner_list(request, self)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return add_owner(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return owner_page(request, self, object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return delete_owner(request, self, object_id)
