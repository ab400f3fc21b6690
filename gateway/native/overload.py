"""Responses to requests that are rejected before Django for lack of capacity: a page or a problem."""

from typing import Final

from django.http import HttpRequest

from api.error_page import prefers_page
from api.rejected_sign_in import throttled_html
from api.security_headers import CONTENT_SECURITY_POLICY
from gateway.calls import GatewayResponse, error_response
from gateway.check_parameters import CheckParameters
from gateway.native.endpoint import call_of, log_access, send_response, trace_of
from gateway.native.request import EndpointRequest
from httpserver.asgi_types import Scope, Send
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError, problem_headers

# "Safe" as in RFC 9110, section 9.2.1.
SAFE: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
"""The methods that change nothing."""


async def send_rejection(
    error: ProblemError, scope: Scope, request: EndpointRequest, send: Send, started: float
) -> None:
    """Send the response for `error` and log the request. `started` is a value of perf_counter."""
    response = error_response(error, CheckParameters(), call_of(scope, request))
    # `prefers_page` expects a Django request, and needs its path and Accept field only.
    django_request = HttpRequest()
    django_request.path, django_request.META["HTTP_ACCEPT"] = scope["path"], request.fields.get(b"accept", "")
    if prefers_page(django_request):
        response = _page(error, request.request_id)
    await send_response(response, send)
    log_access(scope, response, request.address, started, request_id=request.request_id, **trace_of(scope))


def _page(error: ProblemError, request_id: str) -> GatewayResponse:
    fields = [*problem_headers(error), ("Content-Type", "text/html; charset=utf-8"), (headers.REQUEST_ID, request_id)]
    fields += [("Content-Security-Policy", CONTENT_SECURITY_POLICY), ("X-Content-Type-Options", "nosniff")]
    return GatewayResponse(CATALOGUE[error.slug].status, fields, throttled_html(error).encode())
