"""People in the admin: maps the paths to the pages."""

from typing import Any, Final, cast

# Django registers its own pages when this module is loaded, and they are replaced here.
import django.contrib.auth.admin  # noqa: F401
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path

from access.model_admin import OperatorModelAdmin, is_row_number
from console.people.pages import (
    LinkView,
    PersonPage,
    RemoveView,
    ResetAuthenticatorView,
    ToggleView,
    WithdrawView,
    invite,
)
from console.people.person_list import person_list
from console.people.views import PersonView

ACTIONS: Final = {
    "toggle": ToggleView,
    "link": LinkView,
    "withdraw": WithdrawView,
    "authenticator": ResetAuthenticatorView,
}

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(OperatorModelAdmin):
    """People: every change goes through `access.people`. Only superusers change superusers."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        actions = [
            path(f"<int:user_id>/{name}/", wrap(view.as_view(model_admin=self)), name=f"auth_user_{name}")
            for name, view in ACTIONS.items()
        ]
        # First, because Django's own patterns end with one that matches every path.
        return [*actions, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        return person_list(request, self)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return invite(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self._page(PersonPage, request, object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._page(RemoveView, request, object_id)

    def _page(self, view: type[PersonView], request: HttpRequest, object_id: str) -> HttpResponse:
        if not is_row_number(object_id):
            raise Http404
        return cast(HttpResponse, view.as_view(model_admin=self)(request, user_id=int(object_id)))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _has_rights_over(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _has_rights_over(request, obj)


def _has_rights_over(request: HttpRequest, user: User | None) -> bool:
    """Return whether the signed-in user may change this person."""
    return user is None or not user.is_superuser or cast(User, request.user).is_superuser
