"""Sign-in to the admin: one form for name, password and code."""

import time
from typing import Any, cast

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_otp.plugins.otp_static.models import StaticDevice

from access.origin import user_origin
from access.session_age import begin
from apikeys.request_context import address_of
from events import log as event_log
from events.types import EventType

MAX_CODE_LENGTH = 32


class CodeField(forms.CharField):
    """Form field for a code of the authenticator app or a recovery code. It may be empty for users that have
    neither.
    """

    def __init__(self, **kwargs: Any) -> None:
        attributes = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
        widget = forms.TextInput(attrs=attributes)
        super().__init__(required=False, max_length=MAX_CODE_LENGTH, widget=widget, **kwargs)


class SignInForm(AdminAuthenticationForm):
    """Sign-in form with one error message, whether name, password or code is wrong."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "Wrong name, password or code. If you have set up an authenticator app, enter its current "
        "code. Each code works once.",
    }
    code = CodeField(label="Code")

    def clean_username(self) -> str:
        """Return the name. Raises ValidationError if it is too long."""
        name: str = self.cleaned_data["username"]
        # Django limits the length only in the browser.
        if len(name) > (self.fields["username"].max_length or 0):  # type: ignore[attr-defined]
            raise ValidationError("This name is too long.")
        return name

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        if not self.errors:
            self.user_cache = authenticate(
                self.request,
                username=self.cleaned_data["username"],
                password=self.cleaned_data["password"],
                otp_token=self.cleaned_data["code"],
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
        return self.cleaned_data


class SignInView(LoginView):
    """View that starts the session and appends the event of the sign-in."""

    authentication_form = SignInForm
    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        with transaction.atomic():
            login(self.request, user)
            begin(self.request.session, time.time())
            _append_sign_in_event(self.request, user)
        return HttpResponseRedirect(self.get_success_url())


def _append_sign_in_event(request: HttpRequest, user: User) -> None:
    """Append the event of the sign-in."""
    device = cast("Any", user).otp_device if hasattr(user, "otp_device") else None
    factor = "none" if device is None else "recovery code" if isinstance(device, StaticDevice) else "authenticator"
    event_log.append(
        EventType.OPERATOR_SIGNED_IN,
        origin=user_origin(request, user),
        at=timezone.now(),
        data={"address": address_of(request.META), "second_factor": factor},
    )
