"""Baseline for /v1/whoami: the same view without authentication, throttling and permissions. For benchmarks only."""

import os
from typing import Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.whoami import WhoAmI
from latchkey.auth_context import AuthContext

_CALLER: Final = AuthContext("lk_000000000000", "bare", "benchmark", frozenset("*"))


class BareWhoAmI(WhoAmI):
    """View /v1/whoami for a constant caller: without authentication, taking a token, and checking scopes."""

    authentication_classes = []
    throttle_classes = []
    permission_classes = []

    def get(self, request: Request) -> Response:
        request.user = _CALLER  # type: ignore[assignment]
        return super().get(request)


def worker(request: HttpRequest) -> HttpResponse:
    """Return the process ID of this worker, by which `benchmarks.balance` distinguishes the workers."""
    return HttpResponse(str(os.getpid()), content_type="text/plain")
