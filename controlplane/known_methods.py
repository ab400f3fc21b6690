"""HTTP methods: rejects those that Latchkey does not know, with the methods that the path supports."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from api.problems import problem_response

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class KnownMethodMiddleware:
    """Middleware that rejects unknown HTTP methods."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Before the metrics middleware: it uses the method as a label, and clients could create any number of series.
        if request.method in METHODS:
            return self.get_response(request)
        allowed = _allowed_methods(request.path_info)
        if not allowed:
            return problem_response(request, "not-found", "No endpoint or page has this path.")
        response = problem_response(request, "method-not-allowed", "This path does not support this method.")
        response["Allow"] = ", ".join(allowed)
        return response


def _allowed_methods(path: str) -> list[str]:
    """Return the methods that the view at a path supports, or an empty list if there is no view."""
    try:
        view = resolve(path).func
    except Resolver404:
        return []
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    # Function views are the admin's pages, which are forms.
    if view_class is None:
        return ["GET", "HEAD", "POST", "OPTIONS"]
    found = {method for method in METHODS if hasattr(view_class, method.lower())}
    return [method for method in METHODS if method in found or (method == "HEAD" and "GET" in found)]
