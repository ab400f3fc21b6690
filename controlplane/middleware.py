"""Middleware around every request: request ID, access log, common response fields, and problem responses."""

from collections.abc import Callable
from time import perf_counter
from typing import Final

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from api.error_page import ErrorPage, prefers_page
from api.event_stream.handoff import offer_of
from api.problems import problem_of, problem_response
from api.rejected_sign_in import throttled_page
from apikeys.client_address import client_address
from apikeys.errors import QuotaExceeded
from apikeys.request_context import address_of, request_id_of, settle
from httpserver.access_log import log_request
from httpserver.tracing import RequestSpan, begin_span
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE
from latchkey.request_id import resolve_request_id
from latchkey.trace_context import parse_traceparent
from ratelimit.headers import rate_limit_fields
from ratelimit.throttling import decision_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_SLUG_OF_STATUS: Final = {
    400: "malformed-request",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    500: "internal-error",
}
_OF_THE_BODY: Final = ("Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", headers.ETAG)


class RequestContextMiddleware:
    """Middleware that sets the request ID, logs the request once, and adds X-Request-Id and the rate limit fields.

    If the request has a `traceparent`, its log lines contain the trace ID.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        span = self._settle(request)
        request_id = request_id_of(request.META)
        response = self.get_response(request)
        if span:
            span.end(request, response, request_id)
        response[headers.REQUEST_ID] = request_id
        has_body = response.status_code not in (204, 304)
        if has_body and not response.streaming and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
        if request.path.startswith("/v1/") and "Cache-Control" not in response:
            response["Cache-Control"] = "private, no-store"
        decision = decision_of(request.META)
        if decision is not None:
            for name, value in rate_limit_fields(decision):
                response[name] = value
        offer = offer_of(request.META)
        # A live stream is logged when it ends.
        if offer is None or offer.call is None:
            log_request(
                method=request.method,
                path=request.path,
                status=response.status_code,
                address=address_of(request.META),
                started=started,
            )
        return response

    def _settle(self, request: HttpRequest) -> RequestSpan | None:
        """Set the request ID, client address and trace for the log and for everything that handles the request."""
        structlog.contextvars.clear_contextvars()
        request_id = resolve_request_id(request.META.get("HTTP_X_REQUEST_ID"))
        address = client_address(
            request.META.get("REMOTE_ADDR", ""),
            request.META.get("HTTP_X_FORWARDED_FOR", ""),
            settings.TRUSTED_PROXIES,
        )
        caller = parse_traceparent(request.META.get("HTTP_TRACEPARENT"))
        span = begin_span(request, caller)
        trace_id = span.trace_id if span else caller.trace_id if caller else None
        settle(request.META, request_id=request_id, address=address, trace_id=trace_id)
        structlog.contextvars.bind_contextvars(request_id=request_id, **({"trace_id": trace_id} if trace_id else {}))
        return span


class ProblemMiddleware:
    """Middleware that turns every error response into a problem, including those of third-party code."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        slug = _SLUG_OF_STATUS.get(response.status_code)
        if slug is None or response.get("Content-Type") == MEDIA_TYPE or isinstance(response, ErrorPage):
            return response
        problem = problem_response(request, slug, CATALOGUE[slug].title + ".")
        for name, value in response.headers.items():
            if name not in _OF_THE_BODY:
                # Keep fields such as Allow and Retry-After. Fields that describe the replaced body are left out.
                problem.headers.setdefault(name, value)
        problem.cookies = response.cookies
        return problem

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Return the response to an expected exception, for example an unavailable database. Return None for others.

        Django logs and answers those. People who sign in too often get a page.
        """
        if isinstance(exception, QuotaExceeded) and prefers_page(request):
            return throttled_page(exception)
        return problem_of(request, exception)


class KnownMethodMiddleware:
    """Middleware that rejects unknown HTTP methods."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Before the metrics middleware: it uses the method as a label, and clients could create any number of series.
        if request.method in METHODS:
            return self.get_response(request)
        allowed = _methods_at(request.path_info)
        if not allowed:
            return problem_response(request, "not-found", "No endpoint or page has this path.")
        response = problem_response(request, "method-not-allowed", "This path does not support this method.")
        response["Allow"] = ", ".join(allowed)
        return response


def _methods_at(path: str) -> list[str]:
    """Return the methods that the view at a path supports, or an empty list if there is no view."""
    try:
        view = resolve(path).func
    except Resolver404:
        return []
    of_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    # Function views are the admin's pages, which are forms.
    if of_class is None:
        return ["GET", "HEAD", "POST", "OPTIONS"]
    found = {method for method in METHODS if hasattr(of_class, method.lower())}
    return [method for method in METHODS if method in found or (method == "HEAD" and "GET" in found)]
