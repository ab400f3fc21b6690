"""Admin site: adds the dashboard as the first page, and the pages that belong to no model."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone

from access.site import OperatorSite
from console.dashboard import dashboard
from console.guard_rails import guard_rails_page
from console.verification import verification_page, verification_step


class ConsoleSite(OperatorSite):
    """The admin site of Latchkey."""

    site_header = site_title = "Latchkey"
    index_title = "Dashboard"
    site_url = "/docs/"
    index_template = "console/dashboard.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = dashboard(timezone.now()) if request.user.has_perm("apikeys.view_apikey") else {}
        return super().index(request, {**shown, **(extra_context or {})})

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [
            # First, because Django's own patterns end with one that matches every path.
            path("guard-rails/", self.admin_view(partial(guard_rails_page, site=self)), name="guard-rails"),
            path("verification/", self.admin_view(partial(verification_page, site=self)), name="verification"),
            path("verification/step/", self.admin_view(verification_step), name="verification-step"),
            *super().get_urls(),
        ]
