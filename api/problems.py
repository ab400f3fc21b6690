"""Problem responses: the single place in Django that turns errors into HTTP responses in one format (RFC 9457).

drf-problems negotiates the representation and registers the problem types for /problems/SLUG. The body is
Latchkey's own: that of drf-problems would show the text of any exception, and let fields overwrite each other.
"""

from typing import Any, Final

import structlog
from django.conf import settings
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.core.exceptions import DisallowedHost, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from drf_problems import PROBLEM_EXCEPTION_MAP
from drf_problems.exceptions import exception_handler as negotiate
from drf_problems.utils import register_exception
from rest_framework import exceptions
from rest_framework.response import Response

from api.error_page import EXPIRED_FORM, UNKNOWN_HOST, PageText, error_page, prefers_page
from apikeys.database_outage import outage_of
from apikeys.request_context import request_id_of
from events.lock_timeout import record_lock_timeout
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, ProblemError, problem_body_of, problem_headers
from latchkey.redaction import redact
from ratelimit.stores import BucketStoreError

RETRY_AFTER_SECONDS: Final = 5
_MAX_REASON: Final = 300

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


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse | Response | None:
    """Return the response to an exception in a REST view, or None if the exception is unexpected.

    REST framework calls this. If it returns None, Django logs the exception, sends `got_request_exception`, and
    answers with `server_error`.
    """
    error = as_problem(exc)
    if error is None:
        return None
    request = context["request"]
    if prefers_page(request._request):
        return error_page(request._request, error)
    response: Response = negotiate(PROBLEM_EXCEPTION_MAP[error.slug](), context)
    response.data = _body(request, error)
    response.content_type = MEDIA_TYPE
    for name, value in problem_headers(error):
        response[name] = value
    return response


def problem_response(request: HttpRequest, slug: str, detail: str, text: PageText | None = None) -> HttpResponse:
    """Return a problem response outside REST views. `text` replaces the usual text of its page."""
    return _respond(request, _problem(slug, detail), text)


def response_to_error(request: HttpRequest, exc: Exception) -> HttpResponse | None:
    """Return the response to an expected exception, or None for any other."""
    error = as_problem(exc)
    return _respond(request, error) if error is not None else None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response to a request that Django rejects, for example one for an unknown host."""
    if isinstance(exception, DisallowedHost):
        detail = "This host name is not allowed. An operator can add it to ALLOWED_HOSTS."
        return problem_response(request, "malformed-request", detail, UNKNOWN_HOST)
    detail = "The request was rejected before it was read."
    if isinstance(exception, DisallowedModelAdminLookup):
        detail = "This list can't be filtered by that."
    return problem_response(request, "malformed-request", detail)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response for a signed-in user without the required permission."""
    return problem_response(request, "forbidden", "Your account does not have this permission.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the response to a form without a valid CSRF token."""
    detail = "The form's CSRF token is missing or from an earlier session. Nothing was changed."
    return problem_response(request, "forbidden", detail, EXPIRED_FORM)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response for an unknown path."""
    return problem_response(request, "not-found", "No endpoint or page has this path.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response after a crash. Its text is constant, because the cause belongs in the log only."""
    return problem_response(request, "internal-error", "The request could not be completed.")


def _respond(request: HttpRequest, error: ProblemError, text: PageText | None = None) -> HttpResponse:
    if prefers_page(request):
        return error_page(request, error, text)
    response = JsonResponse(_body(request, error), status=CATALOGUE[error.slug].status, content_type=MEDIA_TYPE)
    for name, value in problem_headers(error):
        response[name] = value
    return response


def as_problem(exc: Exception) -> ProblemError | None:
    """Return the problem for an expected exception, or None for any other."""
    if isinstance(exc, ProblemError):
        return exc
    slug = _slug_of(exc)
    if slug != "unavailable":
        return _problem(slug, CATALOGUE[slug].title + ".") if slug else None
    log_unavailable(exc)
    if not record_lock_timeout(exc):
        return _problem(slug, CATALOGUE[slug].title + ".")
    return _problem(slug, "Another session has locked the database. Nothing was changed.", RETRY_AFTER_SECONDS)


def _slug_of(exc: Exception) -> str:
    if outage_of(exc):
        return "unavailable"
    return next((slug for kind, slug in _SLUGS.items() if isinstance(exc, kind)), "")


def log_unavailable(error: Exception, **known: str) -> None:
    """Log in one line why a dependency did not answer."""
    # No traceback: in an outage, or when clients send many wrong credentials, every request would write one.
    reason = redact(outage_of(error) or f"{type(error).__name__}: {error}").strip().partition("\n")[0]
    log.error("unavailable", reason=reason[:_MAX_REASON], **known)


def _problem(slug: str, detail: str, retry_after_seconds: int | None = None) -> ProblemError:
    error = ProblemError(detail, retry_after_seconds=retry_after_seconds)
    error.slug = slug
    return error


def _body(request: Any, error: ProblemError) -> dict[str, object]:
    request_id = request_id_of(request.META)
    return problem_body_of(error, instance=request.path, request_id=request_id, public_url=settings.PUBLIC_URL)
