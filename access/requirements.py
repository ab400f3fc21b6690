"""Requirements that a session has to meet to use the admin: signed in, and verified with a code if one is needed."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from access.second_factor import has_authenticator


def is_signed_in(request: HttpRequest) -> bool:
    """Return whether the user has proved everything required, also if an authenticator app was set up since the
    sign-in.
    """
    user: Any = request.user
    return user.is_active and user.is_staff and (user.is_verified() or not has_authenticator(user))


def lacks_authenticator(request: HttpRequest) -> bool:
    """Return whether the user is signed in but first has to set up the required authenticator app."""
    user: Any = request.user
    return settings.ADMIN_REQUIRE_TOTP and is_signed_in(request) and not user.is_verified()
