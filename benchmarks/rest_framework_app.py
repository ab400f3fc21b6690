"""Comparison server for the admission: a view with Django REST framework's SimpleRateThrottle, and nothing else."""

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
    """Throttle of 60 requests per hour for every API key."""

    rate = f"{BURST}/hour"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_{request.META['HTTP_X_API_KEY']}"


class Throttled(APIView):
    """View that responds with 200 if the throttle allows the request."""

    throttle_classes = [KeyThrottle]

    def get(self, request: Request) -> Response:
        return Response({})


def worker(request: HttpRequest) -> HttpResponse:
    """Return the process ID of this worker, by which `benchmarks.balance` distinguishes the workers."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")


urlpatterns = [
    path(paths.PROTECTED.removeprefix("/"), Throttled.as_view()),
    path(paths.WORKER.removeprefix("/"), worker),
]
application = get_wsgi_application()
