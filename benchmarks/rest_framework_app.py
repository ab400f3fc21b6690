"""The peer of the admission: a view under REST framework's SimpleRateThrottle, and nothing else."""

import os
from typing import Final

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from benchmarks import paths

BURST: Final = 60


class KeyThrottle(SimpleRateThrottle):
    """60 requests an hour for each API key."""

    rate = f"{BURST}/hour"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_{request.META['HTTP_X_API_KEY']}"


class Throttled(APIView):
    """Answers whom the throttle lets through."""

    throttle_classes = [KeyThrottle]

    def get(self, request: Request) -> Response:
        return Response({})


def worker(request: HttpRequest) -> HttpResponse:
    """Which worker answers: `benchmarks.server` looks for all of them."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")


urlpatterns = [
    path(paths.PROTECTED.removeprefix("/"), Throttled.as_view()),
    path(paths.WORKER.removeprefix("/"), worker),
]
application = get_wsgi_application()
