"""Views of the REST framework peer: with djangorestframework-api-key and a throttle, and with a throttle alone."""

import os

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey  # type: ignore[import-not-found,unused-ignore]


class KeyThrottle(SimpleRateThrottle):
    """60 requests per hour for each API key, counted in each process."""

    rate = "60/hour"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_{request.META['HTTP_X_API_KEY'].partition('.')[0]}"


class RedisThrottle(KeyThrottle):
    """60 requests per hour for each API key, counted in Redis."""

    cache = caches["redis"]


class HighThrottle(RedisThrottle):
    """A limit that no load generator reaches.

    It keeps the time of each request of the period, so the shortest period costs it least.
    """

    rate = "1000000/s"


class Empty(APIView):
    """Responds 204 to requests that the throttle and the permission allow."""

    def get(self, request: Request) -> Response:
        return Response(status=204)


def worker(request: HttpRequest) -> HttpResponse:
    """Return the worker's process id."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")


urlpatterns = [
    path("check", Empty.as_view(permission_classes=[HasAPIKey], throttle_classes=[HighThrottle])),
    path("key", Empty.as_view(permission_classes=[HasAPIKey])),
    path("local", Empty.as_view(throttle_classes=[KeyThrottle])),
    path("redis", Empty.as_view(throttle_classes=[RedisThrottle])),
    path("worker", worker),
]
