"""The view that /v1/whoami is compared with, and the URLs that have both."""

from typing import Final

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response

from api.urls import v1_patterns as key_patterns
from api.whoami import WhoAmI
from controlplane.urls import handler400, handler403, handler404, handler500
from controlplane.urls import urlpatterns as product_patterns
from latchkey.auth_context import AuthContext

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

_CALLER: Final = AuthContext("lk_000000000000", "bare", "benchmark", frozenset("*"))


class BareWhoAmI(WhoAmI):
    """/v1/whoami for a constant caller, without authentication, throttle and permission."""

    authentication_classes = []
    throttle_classes = []
    permission_classes = []

    def get(self, request: Request) -> Response:
        request.user = _CALLER  # type: ignore[assignment]
        return super().get(request)


urlpatterns = [
    # In one include with the protected view, so that both take the same time to find.
    path("v1/", include([path("bare", BareWhoAmI.as_view()), *key_patterns])),
    *product_patterns,
]
