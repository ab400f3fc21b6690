"""Responses to sign-ins that are rejected before the password is checked: a page or a problem."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.timesince import timesince

from api.error_page import prefers_page
from api.problems import response_to_error
from apikeys.errors import QuotaExceeded
from latchkey import headers
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import ProblemError, problem_headers


def locked_page(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """Return the 429 response for a locked account, with the full lockout duration as Retry-After."""
    # Not the remaining time: it would reveal when others tried to sign in. The response also doesn't depend on
    # whether the account exists.
    seconds = round(settings.ADMIN_LOCKOUT_DURATION.total_seconds())
    if not prefers_page(request):
        error = QuotaExceeded("Too many sign-ins failed.", violated_policies=("address",), retry_after_seconds=seconds)
        problem = response_to_error(request, error)
        assert problem is not None  # noqa: S101 - it is a ProblemError
        return problem
    now = timezone.now()
    words = timesince(now - settings.ADMIN_LOCKOUT_DURATION, now)
    html = render_to_string("locked.html", {"duration": words}, request)
    fields = dict([headers.NO_STORE, (headers.RETRY_AFTER, str(seconds))])
    return HttpResponse(html, status=429, headers=fields)


def throttled_page(error: ProblemError) -> HttpResponse:
    """Return the page for a sign-in that must be tried again later."""
    return HttpResponse(
        throttled_html(error), status=CATALOGUE[error.slug].status, headers=dict(problem_headers(error))
    )


def throttled_html(error: ProblemError) -> str:
    """Return the HTML of that page."""
    problem = CATALOGUE[error.slug]
    shown = {"slug": problem.slug, "status": problem.status, "title": problem.title}
    return render_to_string("throttled.html", {**shown, "detail": error.detail, "seconds": error.retry_after_seconds})
