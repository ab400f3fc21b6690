"""Pages on which signed-in users manage their own authenticator app. No cache keeps their responses."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import segno
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from access import authenticators, pending_set_up
from access.proof import ConfirmationForm, ProofForm
from access.recovery_codes import codes_left
from access.requirements import is_signed_in
from access.second_factor import has_authenticator

View = Callable[..., HttpResponse]
_KEY_GROUP: Final = 4


def _signed_in(view: View) -> View:
    """Decorate a view that only the signed-in user may see."""

    @wraps(view)
    def inner(request: HttpRequest) -> HttpResponse:
        if not is_signed_in(request):
            return redirect_to_login(reverse("admin:authenticator"), reverse("admin:login"))
        return view(request)

    return never_cache(sensitive_post_parameters()(inner))


def _with_proof(view: View) -> View:
    """Decorate a view that accepts only POST, with the password and, if there is an authenticator app, its code."""

    @wraps(view)
    def inner(request: HttpRequest) -> HttpResponse:
        form = ProofForm(request, request.POST)
        return view(request) if form.is_valid() else _overview(request, form)

    return _signed_in(require_POST(inner))


@_signed_in
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show whether the user has an authenticator app, and the possible actions."""
    return _overview(request, ProofForm(request))


@_with_proof
def set_up(request: HttpRequest) -> HttpResponse:
    """Show a new key, as QR code and as text, to this session only, until its first code is confirmed."""
    device = authenticators.begin_set_up(request.user)  # type: ignore[arg-type]
    pending_set_up.begin(request.session, device, time.time())
    return _key_page(request, device, ConfirmationForm(label_suffix=""))


@_signed_in
@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Activate the new authenticator app with its first code, and show recovery codes, once."""
    form = ConfirmationForm(request.POST, label_suffix="")
    user: Any = request.user
    device = pending_set_up.pending_device(request.session, user, time.time())
    if device is None:
        return _restart(request, "The setup expired or was started in another session. Start again.")
    # An invalid form counts as a wrong code too.
    codes = None
    if form.is_valid():
        codes = authenticators.confirm(request, user, device, form.cleaned_data["code"])
    if codes is not None:
        pending_set_up.end(request.session)
        return _page(request, "recovery_codes", "Recovery codes", {"codes": codes})
    if not pending_set_up.count_wrong_code(request.session):
        pending_set_up.end(request.session)
        return _restart(request, "Too many wrong codes. Check the clock of your device, then start again.")
    form.add_error("code", "That code is wrong or expired. Enter the next one.")
    return _key_page(request, device, form)


@_with_proof
def renew_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes, once. The old ones end."""
    if not has_authenticator(request.user):
        return redirect("admin:authenticator")
    codes = authenticators.renew_codes(request, request.user)  # type: ignore[arg-type]
    return _page(request, "recovery_codes", "Recovery codes", {"codes": codes})


@_with_proof
def remove(request: HttpRequest) -> HttpResponse:
    """Remove the authenticator app, unless one is required."""
    if settings.ADMIN_REQUIRE_TOTP:
        messages.error(request, "This server requires an authenticator app. You can replace it, but not remove it.")
    else:
        authenticators.remove(request, request.user)  # type: ignore[arg-type]
        messages.success(request, "The authenticator app and its recovery codes were removed.")
    return redirect("admin:authenticator")


def _restart(request: HttpRequest, why: str) -> HttpResponse:
    messages.warning(request, why)
    return redirect("admin:authenticator")


def _key_page(request: HttpRequest, device: Any, form: ConfirmationForm) -> HttpResponse:
    url = device.config_url
    context = {
        "form": form,
        "key": _in_groups(url.partition("secret=")[2].partition("&")[0]),
        "qr_code": mark_safe(segno.make(url).svg_inline(scale=4, light="#fff", title="QR code")),  # noqa: S308 - segno's own SVG, the code in it drawn
    }
    return _page(request, "set_up", "Set up an authenticator app", context)


def _overview(request: HttpRequest, form: ProofForm) -> HttpResponse:
    context = {
        "form": form,
        "has_authenticator": has_authenticator(request.user),
        "required": settings.ADMIN_REQUIRE_TOTP,
        "codes_left": codes_left(request.user),  # type: ignore[arg-type]
    }
    return _page(request, "overview", "Authenticator app", context)


def _page(request: HttpRequest, name: str, title: str, context: dict[str, Any]) -> HttpResponse:
    everywhere = admin.site.each_context(request)
    return TemplateResponse(request, f"access/{name}.html", {**everywhere, "title": title, **context})


def _in_groups(key: str) -> str:
    """Return the key in groups of four characters, which are easier to type."""
    return " ".join(key[start : start + _KEY_GROUP] for start in range(0, len(key), _KEY_GROUP))
