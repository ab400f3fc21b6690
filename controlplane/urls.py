"""URL paths of the server."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from api.guard_rail_page import guard_rail_page
from api.openapi_page import openapi_page
from api.problem_page import ProblemPage
from controlplane.front_page import front_page

admin.autodiscover()
problem_pages = [path("<slug:code>", ProblemPage.as_view(), name="error-documentation")]

urlpatterns = [
    path("", front_page, name="front-page"),
    path("v1/", include("api.urls")),
    path("v1/", include("gateway.urls")),
    path("", include("api.health_urls")),
    path("openapi.json", openapi_page, name="openapi"),
    path("docs", RedirectView.as_view(pattern_name="docs")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("problems/", include((problem_pages, "drf_problems"))),
    path("guard-rails/<slug:name>", guard_rail_page, name="guard-rail"),
    path("admin/", admin.site.urls),
]


handler400 = "api.problems.bad_request"
handler403 = "api.problems.permission_denied"
handler404 = "api.problems.page_not_found"
handler500 = "api.problems.server_error"
