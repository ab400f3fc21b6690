"""The operator at the admin, as events and the writers name them."""

from django.http import HttpRequest

from apikeys.config_service import ConfigService
from apikeys.request_context import request_id_of
from events.origin import Origin


def operator_origin(request: HttpRequest) -> Origin:
    """The user who is signed in, and the request."""
    return Origin(f"user:{request.user.get_username()}", request_id_of(request.META))


def operator_service(request: HttpRequest) -> ConfigService:
    """The writer, acting for the user who is signed in."""
    return ConfigService(operator_origin(request))
