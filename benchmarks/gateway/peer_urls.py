"""The peer of /v1/check: a view under djangorestframework-api-key's permission and a throttle for each key."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey  # type: ignore[import-not-found,unused-ignore]


class KeyThrottle(SimpleRateThrottle):
    """As UserRateThrottle, with the key in the user's place. Nobody is refused.

    It keeps the time of each request of the period, so its shortest period is what costs it least.
    """

    rate = "1000000/s"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle_key_{request.META['HTTP_X_API_KEY'].partition('.')[0]}"


class Checked(APIView):
    """Answers 204 to whom the permission and the throttle let through."""

    permission_classes = [HasAPIKey]
    throttle_classes = [KeyThrottle]

    def get(self, request: Request) -> Response:
        return Response(status=204)


urlpatterns = [path("check", Checked.as_view())]
