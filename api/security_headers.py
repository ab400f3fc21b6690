"""Security headers: policies that restrict what browsers allow on HTML pages."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
# Swagger UI's own style sheet contains its icons as data: URLs.
DOCS_POLICY: Final = f"{CONTENT_SECURITY_POLICY}; img-src 'self' data:"
PERMISSIONS_POLICY: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class SecurityHeadersMiddleware:
    """Middleware that adds the policies to every HTML response."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            match = request.resolver_match
            is_docs = match is not None and match.view_name == "docs"
            response["Content-Security-Policy"] = DOCS_POLICY if is_docs else CONTENT_SECURITY_POLICY
            response["Permissions-Policy"] = PERMISSIONS_POLICY
        return response
