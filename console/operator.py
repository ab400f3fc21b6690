"""The operator at the admin, as events and the writers name them."""

from collections.abc import Collection

from django.http import HttpRequest

from apikeys.config_service import ConfigService
from apikeys.request_context import request_id_of
from events.origin import Origin


def operator_origin(request: HttpRequest) -> Origin:
    """The user who is signed in, and the request."""
    return Origin(f"user:{request.user.get_username()}", request_id_of(request.META))


def operator_service(request: HttpRequest, expected: Collection[int] | None = None) -> ConfigService:
    """The writer, acting for the user who is signed in, who decided on one of the states `expected`."""
    return ConfigService(operator_origin(request), expected=expected)
