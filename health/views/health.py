"""/health, /health/full and /metrics."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.database_silence import patience
from apikeys.directory import PATIENCE_SECONDS, default_directory
from apikeys.gate import Verified, default_gate
from apikeys.views.base import KeyAPIView
from health import report
from health.live import degraded_names
from health.measurements import exposition
from ratelimit.stores import BucketStoreError


class Health(APIView):
    """Whether to send traffic here. Open to all, so it tells nothing but that."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes: list[type[BasePermission]] = []
    renderer_classes = [JSONRenderer]

    @extend_schema(operation_id="health", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Ok or degraded; 503 and down without a database."""
        if not _database_answers():
            return Response({"status": "down"}, status=503)
        return Response({"status": "degraded" if degraded_names() else "ok"})


def _database_answers() -> bool:
    """Whether it does; where it is known to be down nobody waits to find that out."""
    directory = default_directory()
    if directory.database_is_down:
        return False
    with patience(PATIENCE_SECONDS):
        answers = report.database_answers()
    if not answers:
        directory.refresher.note_failure("no health")
    return answers


class ObservingView(KeyAPIView):
    """A call by which operators look at the server: it is answered also while the bucket store is out, uncharged, as
    that is when it is needed.
    """

    def check_throttles(self, request: Request) -> None:
        try:
            super().check_throttles(request)
        except BucketStoreError:
            if isinstance(request.auth, Verified):
                default_gate().vouch(request.auth)


class HealthFull(ObservingView):
    """The whole state of health."""

    scopes = {"GET": "health:read"}

    @extend_schema(operation_id="health_full", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Components, limits and metrics."""
        return Response(report.full_report())


class Metrics(ObservingView):
    """Prometheus' scrape."""

    scopes = {"GET": "metrics:read"}
    needs_database = False

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if settings.METRICS_PUBLIC else super().get_authenticators()

    def get_permissions(self) -> Any:
        return [] if settings.METRICS_PUBLIC else super().get_permissions()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Whatever a scraper says it accepts, it gets the text format; only problems are rendered."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(operation_id="metrics", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """All metrics, summed over all processes."""
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
