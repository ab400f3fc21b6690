"""Origin of a change by a signed-in user, as events show it."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from apikeys.request_context import request_id_of
from events.origin import Origin


def user_origin(request: HttpRequest, user: AbstractBaseUser | AnonymousUser) -> Origin:
    """Return the origin of a change by `user` within the request."""
    return Origin(f"user:{user.get_username()}", request_id_of(request.META))
