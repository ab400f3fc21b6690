"""Admin site with a second factor at sign-in, pages for the authenticator app, and events about sessions."""

from functools import wraps
from typing import Any, Final

from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from access import authenticator_pages as pages
from access.own_password import OwnPasswordView
from access.requirements import is_signed_in, lacks_authenticator
from access.set_password import set_password
from access.sign_in import SignInView
from access.sign_out import append_sign_out_event

# No page here uses them, and both reveal data of tables that no page shows.
_UNUSED: Final = ("autocomplete", "view_on_site")


class OperatorSite(AdminSite):
    """Admin site that admits users who meet all requirements, and redirects others to the page where they can."""

    def has_permission(self, request: HttpRequest) -> bool:
        return is_signed_in(request) and not lacks_authenticator(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            # PostgreSQL raises an error for a NUL in a value, so reject it here with a 400.
            if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
                raise BadRequest("The address can't contain a NUL character.")
            if lacks_authenticator(request):
                # Signing out must be possible also without the required authenticator app.
                return self.logout(request) if view == self.logout else redirect("admin:authenticator")
            return guarded(request, *args, **kwargs)

        return inner

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [
            path("set-password/", set_password, name="set-password"),
            path("authenticator/", pages.overview, name="authenticator"),
            path("authenticator/set-up/", pages.set_up, name="authenticator-set-up"),
            path("authenticator/confirm/", pages.confirm, name="authenticator-confirm"),
            path("authenticator/codes/", pages.renew_codes, name="authenticator-codes"),
            path("authenticator/remove/", pages.remove, name="authenticator-remove"),
            *(pattern for pattern in super().get_urls() if getattr(pattern, "name", None) not in _UNUSED),
        ]

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        context = {**self.each_context(request), "title": "Sign in", "app_path": request.get_full_path()}
        context["username"] = request.user.get_username()
        return SignInView.as_view(extra_context={**context, **(extra_context or {})})(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = {**self.each_context(request), **(extra_context or {})}
        return OwnPasswordView.as_view(extra_context=context)(request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        with transaction.atomic():
            if request.method == "POST":
                append_sign_out_event(request, "asked")
            return super().logout(request, extra_context)
