"""Counterpart of /v1/check: a view with djangorestframework-api-key's permission and one throttle per key."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey  # type: ignore[import-not-found,unused-ignore]


class KeyThrottle(SimpleRateThrottle):
    """Throttle like UserRateThrottle, but per key. The rate is so high that it denies no request."""

    # The throttle stores the time of every request in the period, so the shortest period is the cheapest for it.
    rate = "1000000/s"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_key_{request.META['HTTP_X_API_KEY'].partition('.')[0]}"


class Checked(APIView):
    """View that responds with 204 if the permission and the throttle allow the request."""

    permission_classes = [HasAPIKey]
    throttle_classes = [KeyThrottle]

    def get(self, request: Request) -> Response:
        return Response(status=204)


urlpatterns = [path("check", Checked.as_view())]
