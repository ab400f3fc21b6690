"""The answer while a name is locked out at an address: a page for people, a problem for programs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.timesince import timesince

from controlplane.problems import problem_of
from latchkey import headers
from latchkey.problems import ProblemError


class LockedOutError(ProblemError):
    """Too many sign-ins failed; whether the name exists does not show."""

    slug = "quota-exceeded"


def locked_page(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """429, with the whole duration as Retry-After: what is left of it would tell when others tried."""
    seconds = round(settings.ADMIN_LOCKOUT_DURATION.total_seconds())
    if "text/html" not in request.headers.get("Accept", ""):
        error = LockedOutError("Too many sign-ins failed.", violated_policies=("address",), retry_after_seconds=seconds)
        answer = problem_of(request, error)
        assert answer is not None  # noqa: S101 - it is a ProblemError
        return answer
    now = timezone.now()
    words = timesince(now - settings.ADMIN_LOCKOUT_DURATION, now)
    page = render(request, "locked.html", {"duration": words}, status=429)
    page[headers.RETRY_AFTER] = str(seconds)
    page["Cache-Control"] = "no-store"
    return page
