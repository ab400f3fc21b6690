"""Page on which users change their own password. The change appends an event."""

from typing import Any

from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.views.decorators.debug import sensitive_variables

from access.account_changes import append_change_event
from access.proof import failure_message, is_proven
from access.second_factor import has_authenticator
from access.sign_in import CodeField


class OwnPasswordForm(PasswordChangeForm):
    """Form with the old password, the code of the authenticator app if there is one, and the new password twice."""

    code = CodeField(label="Code")
    field_order = ("old_password", "code", "new_password1", "new_password2")

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        if not has_authenticator(self.user):
            del self.fields["code"]

    @sensitive_variables()
    def clean_old_password(self) -> str:
        """Return the old password without checking it."""
        # `clean` checks it together with the code, once, and only if nothing else is wrong: every attempt counts
        # for the lockout.
        old: str = self.cleaned_data["old_password"]
        return old

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not is_proven(self.request, given["old_password"], given.get("code", "")):
            self.add_error("old_password", failure_message(self))
        return given


class OwnPasswordView(PasswordChangeView):
    """View that changes the password and appends the event in one transaction. All other sessions of the user end."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")
    template_name = "access/own_password.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request, "label_suffix": ""}

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            append_change_event(self.request, form.user, "changed", {"fields": ["password"]})
            return super().form_valid(form)
