"""Proof that the person at an open session is its user, required before a change of password or authenticator app."""

from typing import Any, Final

from django import forms
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from access.second_factor import has_authenticator
from access.sign_in import CodeField

# The message is the same for a wrong password and a wrong code, so that an open session can't be used to guess the
# password.
_WRONG: Final = "Wrong password or code. Each code works once. After a wrong code, wait for the next one."
_WRONG_WITHOUT_CODE: Final = "Wrong password."


@sensitive_variables("password", "code")
def is_proven(request: HttpRequest, password: str, code: str = "") -> bool:
    """Return whether these are the password of the signed-in user and, if there is an authenticator app, a valid
    code.

    Raises QuotaExceeded if the address is over its limit.
    """
    name = request.user.get_username()
    # This uses the backends of a sign-in. So the attempt is charged to the address before anything is hashed, and
    # a failure counts for the lockout.
    return authenticate(request, username=name, password=password, otp_token=code) is not None


def failure_message(form: forms.Form) -> str:
    """Return the message about a failed proof."""
    return _WRONG if "code" in form.fields else _WRONG_WITHOUT_CODE


class ProofForm(forms.Form):
    """Form with the password and code of the signed-in user, asked again because an open session proves nothing."""

    password = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    code = CodeField(label="Code")

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        self.request = request
        if not has_authenticator(request.user):
            del self.fields["code"]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not self.errors and not is_proven(self.request, given["password"], given.get("code", "")):
            raise forms.ValidationError(failure_message(self))
        return given


class ConfirmationForm(forms.Form):
    """Form with the first code of an authenticator app that is being set up."""

    code = CodeField(label="Code from the app")
