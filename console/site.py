"""Admin site: adds the overview as the first page, the navigation, and the pages that belong to no model."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone

from access.site import OperatorSite
from console.components import components_page
from console.find import find
from console.guard_rails import guard_rails_page
from console.navigation import navigation
from console.overview import overview
from console.verification import verification_page, verification_step


class ConsoleSite(OperatorSite):
    """The admin site of Latchkey."""

    site_header = site_title = "Latchkey"
    index_title = "Overview"
    site_url = "/docs/"
    index_template = "console/overview.html"
    # The sections take its place.
    enable_nav_sidebar = False

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {**context, "navigation": navigation(request) if context["has_permission"] else []}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = overview(request, timezone.now()) if request.user.has_perm("apikeys.view_apikey") else {}
        return super().index(request, {**shown, **(extra_context or {})})

    def get_urls(self) -> list[URLResolver | URLPattern]:
        components = path("components/", self.admin_view(partial(components_page, site=self)), name="components")
        return [
            *([components] if settings.DEBUG else []),
            # First, because Django's own patterns end with one that matches every path.
            path("guard-rails/", self.admin_view(partial(guard_rails_page, site=self)), name="guard-rails"),
            path("find/", self.admin_view(find), name="find"),
            path("verification/", self.admin_view(partial(verification_page, site=self)), name="verification"),
            path("verification/step/", self.admin_view(verification_step), name="verification-step"),
            *super().get_urls(),
        ]
