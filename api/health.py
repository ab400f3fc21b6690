"""Views of /health, /health/full and /metrics."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.base import KeyAPIView
from api.schemas import health
from apikeys.authenticator import default_authenticator
from apikeys.credential_check import Verified
from health import report
from health.local_health import status_now
from health.metrics import exposition
from ratelimit.stores import BucketStoreError


class Health(APIView):
    """Readiness: whether to send traffic here. It's open to all, so it returns nothing else.

    The server answers it ahead of Django, from `health.cached_response`. Django answers until that is ready, and if a
    request is unusual.
    """

    tag = "health"
    problems = {"GET": ("not-acceptable",)}
    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes: list[type[BasePermission]] = []
    renderer_classes = [JSONRenderer]

    # Query parameters are ignored: load balancers and uptime monitors append some against caches, and a 422 would take
    # a healthy server out of service. There is no parameter that could be misread.
    @extend_schema(
        operation_id="health",
        responses={
            200: health.ReadyHealth,
            503: OpenApiResponse(health.UnreadyHealth, "The database is down, or the server is shutting down."),
        },
    )
    def get(self, request: Request) -> Response:
        """Show whether the server takes requests. Query parameters are ignored."""
        status = status_now()
        return Response({"status": status}, status=200 if status.is_ready else 503)


class ObservingView(KeyAPIView):
    """Base class of calls by which operators look at the server, also while the bucket store is down."""

    def check_throttles(self, request: Request) -> None:
        try:
            super().check_throttles(request)
        except BucketStoreError:
            # These calls are needed most in an outage. Without a bucket store they are free of charge.
            if isinstance(request.auth, Verified):
                default_authenticator().ensure_fresh(request.auth)


class HealthFull(ObservingView):
    """Full health report."""

    tag = "health"
    scopes = {"GET": "health:read"}

    @extend_schema(operation_id="health_full", responses=health.FullHealth)
    def get(self, request: Request) -> Response:
        """Show the whole state of health: components, violated guard rails, limits and metrics."""
        return Response(report.full_report())


class Metrics(ObservingView):
    """Scrape of Prometheus."""

    tag = "health"
    scopes = {"GET": "metrics:read"}
    # Metrics of the processes are available without it.
    needs_database = False

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if settings.METRICS_PUBLIC else super().get_authenticators()

    def get_permissions(self) -> Any:
        return [] if settings.METRICS_PUBLIC else super().get_permissions()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Return the renderer of problems."""
        # Whatever a scraper says it accepts, it gets the text format. Only problems are rendered.
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(operation_id="metrics", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Scrape the metrics, summed over all processes, in the text format of Prometheus."""
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
