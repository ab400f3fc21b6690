"""Error pages: what a browser gets instead of a problem document, including the next step."""

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apikeys.request_context import request_id_of
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE, ProblemError, problem_headers

API: Final = ("/v1/", "/health", "/metrics", "/openapi.json")
# Preferred in this order if a client accepts several equally, as with `Accept: */*`.
_PROBLEM_TYPES: Final = (MEDIA_TYPE, "application/json")
_PAGE_TYPES: Final = ("text/html", "application/xhtml+xml")
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class PageText:
    """Texts of a page: its title, and what the reader can do. Between them, the page shows the problem's `detail`."""

    title: str
    next_step: str


TEXTS: Final = {
    "malformed-request": PageText(
        "Bad request", "Remove everything from the ? on in the page's address, then open the page again."
    ),
    "forbidden": PageText(
        "You don't have permission",
        "Your account can't open this page. Ask an administrator for the permission, or sign in with another account.",
    ),
    "not-found": PageText(
        "Page not found",
        "The address may be mistyped or outdated, or the item was removed. Start again from a page below.",
    ),
    "method-not-allowed": PageText(
        "This page can't be opened that way",
        "It only receives a form from another page. Start again from a page below.",
    ),
    "too-large": PageText("Too much data", "Go back and send at most 64 KiB."),
    "internal-error": PageText(
        "Something went wrong",
        "Try again. If it keeps failing, give the request ID to an operator, who can find the cause in the log.",
    ),
    "unavailable": PageText(
        "Not available right now",
        "Try again in a few seconds. If it keeps failing, an operator can find the cause at /health/full.",
    ),
}
EXPIRED_FORM: Final = PageText(
    "This form has expired",
    "Open the page again and resend the form. If that fails, allow cookies for this site.",
)
UNKNOWN_HOST: Final = PageText("Unknown host name", "Use the address that the operator of this server gave you.")


class ErrorPage(HttpResponse):
    """Response with an error page."""


def prefers_page(request: HttpRequest) -> bool:
    """Return whether the client gets a page for an error: outside the API, if `Accept` prefers HTML, as browsers do."""
    if request.path.startswith(API):
        return False
    return request.get_preferred_type([*_PROBLEM_TYPES, *_PAGE_TYPES]) in _PAGE_TYPES


def error_page(request: HttpRequest, error: ProblemError, text: PageText | None = None) -> ErrorPage:
    """Return the page for `error`, in the style of the admin below /admin and in the public style elsewhere."""
    problem = CATALOGUE[error.slug]
    shown = text or TEXTS.get(error.slug) or PageText(problem.title, problem.remedy)
    context = {
        "title": shown.title,
        # Without its own detail, a problem repeats its type's title, which says less than the page's title. Omit it.
        "detail": error.detail.removesuffix(problem.title + "."),
        "next_step": shown.next_step,
        "status": problem.status,
        "slug": error.slug,
        "request_id": request_id_of(request.META),
        "layout": "page.html",
        "again": _retry_path(request) if problem.status == 400 or text is EXPIRED_FORM else None,
    }
    # A page for a 5xx avoids everything that may be broken: session, user and database.
    works = problem.status < _SERVER_ERROR
    if request.path.startswith("/admin/"):
        context["layout"] = "admin/base_site.html"
        context |= _admin_context(request) if works else {}
    html = render_to_string("error.html", context, request if works else None)
    return ErrorPage(html, status=problem.status, headers={**dict(problem_headers(error)), "Vary": "Accept, Cookie"})


def _retry_path(request: HttpRequest) -> str | None:
    """Return the path to open again, or None if no page has this path."""
    # A path without a page may lead to another site, as //example.com does.
    return request.path if request.resolver_match else None


def _admin_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the admin's layout, if the request got far enough to have a user."""
    return admin.site.each_context(request) if hasattr(request, "user") else {}
