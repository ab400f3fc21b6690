"""Whether a session may use the admin: signed in, with the code where there is an authenticator or has to be one."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from access.second_factor import has_authenticator


def is_signed_in(request: HttpRequest) -> bool:
    """Whether all that the user has to prove was proved, also where an authenticator was set up since."""
    user: Any = request.user
    return user.is_active and user.is_staff and (user.is_verified() or not has_authenticator(user))


def lacks_authenticator(request: HttpRequest) -> bool:
    """Whether the user is signed in, and has first to set up the authenticator that is required."""
    user: Any = request.user
    return settings.ADMIN_REQUIRE_TOTP and is_signed_in(request) and not user.is_verified()
