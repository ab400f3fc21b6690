"""The view that is measured beside /v1/whoami: the same view without what protects it. No product serves it."""

import os
from typing import Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.whoami import WhoAmI
from latchkey.auth_context import AuthContext

_CALLER: Final = AuthContext("lk_000000000000", "bare", "benchmark", frozenset("*"))


class BareWhoAmI(WhoAmI):
    """/v1/whoami for a constant caller: nobody is authenticated, no token is taken, no scope is judged."""

    authentication_classes = []
    throttle_classes = []
    permission_classes = []

    def get(self, request: Request) -> Response:
        request.user = _CALLER  # type: ignore[assignment]
        return super().get(request)


def worker(request: HttpRequest) -> HttpResponse:
    """Which worker answers: `benchmarks.server` looks for all of them."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")
