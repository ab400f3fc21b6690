"""Public page on which a person with a one-time link chooses a password."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from access.account_changes import append_change_event
from access.one_time_link import MAX_CODE_LENGTH, user_of
from access.secret_free_form import SecretFreeForm
from access.sign_in_limit import charge_attempt
from events.lock_timeout import set_lock_timeout

_GONE = 410


class NewPasswordForm(SecretFreeForm, SetPasswordForm):  # type: ignore[type-arg]
    """Form with the code of the link, and the new password twice.

    A script fills in the code, which is in the part of the address that browsers don't send. Without scripts, people
    paste it.
    """

    code = forms.CharField(
        max_length=MAX_CODE_LENGTH,
        label="One-time code",
        help_text="This is the part of your link after the # sign. If the box is empty, paste your whole link into it.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "data-from-fragment": ""}
        ),
    )
    field_order = ("code", "new_password1", "new_password2")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django's own text is HTML with a list, which does not fit below a field.
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())


@never_cache
@sensitive_post_parameters()
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def set_password(request: HttpRequest) -> HttpResponse:
    """Return the form; once it is submitted, set the password and redirect to the sign-in.

    Opening the page doesn't use the link. Every submission is charged to the address, like a sign-in. All links that
    don't work get the same page. Raises QuotaExceeded if the address is over its limit.
    """
    if request.method != "POST":
        return _page(request, "set_password", {"form": NewPasswordForm(User())})
    charge_attempt(request)
    code = request.POST.get("code", "")[:MAX_CODE_LENGTH]
    user = user_of(code)
    if user is None:
        return _page(request, "dead_link", {"title": "This link doesn't work"}, status=_GONE)
    form = NewPasswordForm(user, request.POST)
    if not form.is_valid():
        return _page(request, "set_password", {"form": form})
    # This hashes the password, which takes long, so it comes before the lock.
    form.save(commit=False)
    if not _store(request, user, code):
        return _page(request, "dead_link", {"title": "This link doesn't work"}, status=_GONE)
    messages.success(request, f"Your password is set. Sign in as {user.get_username()}.")
    return redirect("admin:login")


@sensitive_variables("code")
def _store(request: HttpRequest, user: User, code: str) -> bool:
    """Store the user's new password together with the event. Return False if the link has ended in the meantime."""
    with transaction.atomic():
        set_lock_timeout()
        # Two requests with the same link, or one and a withdrawal: the second waits here, and then finds no link.
        User.objects.select_for_update().filter(pk=user.pk).first()
        if user_of(code) is None:
            return False
        user.save(update_fields=["password"])
        append_change_event(request, user, "password set with a link", actor=user)
    return True


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    # This page keeps the default Referrer-Policy, same-origin. With no-referrer, browsers send "Origin: null" with the
    # form, and the CSRF check rejects that. A referrer never contains the code anyway.
    whole = {**admin.site.each_context(request), "title": "Choose your password", **context}
    return TemplateResponse(request, f"access/{name}.html", whole, status=status)
