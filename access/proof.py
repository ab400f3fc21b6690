"""What proves that the person at an open session is its user: asked ahead of a change of the authenticator."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.http import HttpRequest

from access.second_factor import has_authenticator
from access.sign_in import CodeField


class ProofForm(forms.Form):
    """Password and code of the signed-in user, asked again ahead of a change: a session left open is no proof."""

    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    code = CodeField(label="Code")

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        self.request = request
        if not has_authenticator(request.user):
            del self.fields["code"]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not self.errors and not authenticate(
            self.request,
            username=self.request.user.get_username(),
            password=given["password"],
            otp_token=given.get("code", ""),
        ):
            raise forms.ValidationError("That was wrong. Each code works once: wait for the next one.")
        return given


class ConfirmationForm(forms.Form):
    """The first code of an authenticator that is being set up."""

    code = CodeField(label="Code that the authenticator shows now")
