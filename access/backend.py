"""Password and, where the user has an authenticator, code: judged as one."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from access.second_factor import has_authenticator, verified_device


class OperatorBackend(ModelBackend):
    """Answers None alike for an unknown name, a wrong password and a wrong code.

    The code is looked at only where the password was right: nothing about the authenticator, nor the time that takes,
    shows to who does not know the password. A wrong code counts as a failure as a wrong password does.
    """

    @sensitive_variables("password", "otp_token")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        otp_token: str = "",
        **kwargs: Any,
    ) -> User | None:
        user = super().authenticate(request, username=username, password=password)
        if not isinstance(user, User) or not user.is_staff:
            return None
        if has_authenticator(user):
            device = verified_device(user, otp_token)
            if device is None:
                return None
            user.otp_device = device  # type: ignore[attr-defined] # django-otp binds the session to it
        return user
