"""Keys in the admin: maps the paths to the pages."""

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from access.model_admin import OperatorModelAdmin
from apikeys.models import APIKey
from console.keys.bulk import bulk_change
from console.keys.bulk_all import change_all
from console.keys.changes import EnableView, LimitView, RevokeView
from console.keys.export import export_keys
from console.keys.issue import issue_key
from console.keys.key_list import key_list
from console.keys.key_page import key_page
from console.keys.limit_pages import KeyAdjustView, KeyEndOverrideView, KeyOverrideView
from console.keys.rotation import DrainView, FinishView, RotateView
from ratelimit.limit import parse_limit_text

ACTIONS = {
    "rotate": RotateView,
    "finish": FinishView,
    "drain": DrainView,
    "limit": LimitView,
    "enable": EnableView,
    "revoke": RevokeView,
}


@admin.register(APIKey)
class KeyAdmin(OperatorModelAdmin):
    """Keys: every change goes through ConfigService, and a key is never deleted.

    Issuing requires the add permission, everything else the change permission. The URLs of a key's pages contain its
    key ID.
    """

    address_field = "key_id"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        actions = [
            path(f"<str:key_id>/{name}/", wrap(view.as_view(model_admin=self)), name=f"apikeys_apikey_{name}")
            for name, view in ACTIONS.items()
        ]
        # First, because Django's own patterns end with one that matches every path.
        export = path("export.csv", wrap(partial(export_keys, model_admin=self)), name="apikeys_apikey_export")
        adjust, override, end = (
            wrap(view.as_view(model_admin=self)) for view in (KeyAdjustView, KeyOverrideView, KeyEndOverrideView)
        )
        limits = [
            path("<str:ident>/adjust/<str:limit>/", adjust, name="apikeys_apikey_adjust"),
            path("<str:ident>/override/", override, name="apikeys_apikey_override"),
            path("<str:ident>/override/<int:override_id>/end/", end, name="apikeys_apikey_end_override"),
        ]
        return [export, *actions, *limits, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._require_view(request)
        if request.method == "POST":
            return change_all(request, self) if "all" in request.POST else bulk_change(request, self)
        return key_list(request, self, timezone.now())

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        default = parse_limit_text(settings.DEFAULT_RATE_LIMIT)
        return issue_key(request, self, default.as_json() if default else None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self._require_view(request)
        return key_page(request, self, object_id)

    def has_change_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.revoked_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        return False

    def history_query(self, row: APIKey) -> dict[str, str]:
        return {"q": row.key_id}

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
