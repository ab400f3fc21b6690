"""The one place that turns errors into HTTP: every 4xx and 5xx is a problem of one shape (RFC 9457).

drf-problems negotiates the representation and keeps the registry of problem types behind /problems/SLUG; the body is
ours, as its own would show the text of any exception and let fields overwrite each other.
"""

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from drf_problems import PROBLEM_EXCEPTION_MAP
from drf_problems.exceptions import exception_handler as negotiate
from drf_problems.utils import register_exception
from rest_framework import exceptions
from rest_framework.response import Response

from apikeys.request_context import request_id_of
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, ProblemError, body_of, fields_of
from ratelimit.stores import BucketStoreError

log = structlog.get_logger(__name__)

_SLUGS: dict[type[Exception], str] = {
    Http404: "not-found",
    exceptions.NotFound: "not-found",
    PermissionDenied: "forbidden",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotAuthenticated: "missing-credential",
    exceptions.AuthenticationFailed: "invalid-credential",
    exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
    exceptions.ParseError: "malformed-request",
    OperationalError: "unavailable",
    InterfaceError: "unavailable",
    BucketStoreError: "unavailable",
}

for _type in CATALOGUE.values():
    register_exception(
        type(
            _type.slug.title().replace("-", ""),
            (exceptions.APIException,),
            {
                "status_code": _type.status,
                "default_code": _type.slug,
                "default_detail": _type.title,
                "title": _type.title,
                "description": _type.remedy,
            },
        )
    )


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. None for what nobody foresaw: Django then logs it, signals it
    (`got_request_exception`), and answers with `server_error`.
    """
    error = as_problem(exc)
    if error is None:
        return None
    request = context["request"]
    response: Response = negotiate(PROBLEM_EXCEPTION_MAP[error.slug](), context)
    response.data = _body(request, error)
    response.content_type = MEDIA_TYPE
    for name, value in fields_of(error):
        response[name] = value
    return response


def problem_response(request: HttpRequest, slug: str, detail: str) -> JsonResponse:
    """A problem where no REST view is involved."""
    return _respond(request, _problem(slug, detail))


def problem_of(request: HttpRequest, exc: Exception) -> JsonResponse | None:
    """The answer to an exception that is foreseen; None for any other."""
    error = as_problem(exc)
    return _respond(request, error) if error is not None else None


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's answer to a request that it refuses to look at, such as one for a host it does not serve."""
    detail = "The request was refused before it was read."
    if isinstance(exception, DisallowedHost):
        detail = "This server does not answer for that host; an operator adds it to ALLOWED_HOSTS."
    return problem_response(request, "malformed-request", detail)


def permission_denied(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's answer where a signed-in user may not."""
    return problem_response(request, "forbidden", "This account may not do that.")


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:
    """Django's answer to a form without its token."""
    return problem_response(request, "forbidden", "The form's token is missing or of an earlier session.")


def page_not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's answer for a path that leads nowhere."""
    return problem_response(request, "not-found", "No call or page has this path.")


def server_error(request: HttpRequest) -> JsonResponse:
    """Django's answer to a crash: constant, as the cause is for the log alone."""
    return problem_response(request, "internal-error", "The request could not be completed.")


def _respond(request: HttpRequest, error: ProblemError) -> JsonResponse:
    response = JsonResponse(_body(request, error), status=CATALOGUE[error.slug].status, content_type=MEDIA_TYPE)
    for name, value in fields_of(error):
        response[name] = value
    return response


def as_problem(exc: Exception) -> ProblemError | None:
    """The problem that an exception stands for; None for one that nobody foresaw."""
    if isinstance(exc, ProblemError):
        return exc
    for kind, slug in _SLUGS.items():
        if isinstance(exc, kind):
            if slug == "unavailable":
                log.error("unavailable", exc_info=exc)
            return _problem(slug, CATALOGUE[slug].title + ".")
    return None


def _problem(slug: str, detail: str) -> ProblemError:
    error = ProblemError(detail)
    error.slug = slug
    return error


def _body(request: Any, error: ProblemError) -> dict[str, object]:
    request_id = request_id_of(request.META)
    return body_of(error, instance=request.path, request_id=request_id, public_url=settings.PUBLIC_URL)
