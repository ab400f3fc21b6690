"""Authentication backend that checks the password and, if the user has an authenticator app, its code as one."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from access.second_factor import has_authenticator, verified_device


class OperatorBackend(ModelBackend):
    """Authentication backend that returns None for an unknown name, a wrong password and a wrong code alike.

    A wrong code counts as a failure like a wrong password.
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
        # Check the code only if the password was right. Otherwise the response, or its time, would reveal
        # something about the authenticator app to a client that doesn't know the password.
        if has_authenticator(user):
            device = verified_device(user, otp_token)
            if device is None:
                return None
            user.otp_device = device  # type: ignore[attr-defined] # django-otp binds the session to it
        return user
