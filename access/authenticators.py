"""Set-up, renewal, removal and reset of a user's authenticator app (TOTP, RFC 6238)."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django_otp import login as bind_session
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from access.account_changes import append_change_event
from access.recovery_codes import make_codes
from events.lock_timeout import set_lock_timeout


def begin_set_up(user: User) -> Any:
    """Create a device with a new key that waits for its first code. The current one, if any, works until then."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        return TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)


def confirm(request: HttpRequest, user: User, pending: Any, code: str) -> list[str] | None:
    """Replace all other devices of the user with the `pending` one, if `code` is valid. Return new recovery codes.

    Return None if the code is wrong. The session gets a new key and counts as verified with a code.
    """
    with transaction.atomic():
        set_lock_timeout()
        # `confirm` and `remove` lock the user, so that only one of them changes the user's devices at a time.
        User.objects.select_for_update().get(pk=user.pk)
        device = TOTPDevice.objects.select_for_update().filter(pk=pending.pk, confirmed=False).first()
        if device is None:
            return None
        # django-otp locks a device for some seconds after a wrong code, to prevent guessing. Here the key is on
        # the page, so there is nothing to guess.
        device.throttle_reset(commit=False)
        if not device.verify_token("".join(code.split())):
            return None
        renewed = TOTPDevice.objects.filter(user=user, confirmed=True).delete()[0] > 0
        device.confirmed = True
        device.save()
        codes = make_codes(user)
        append_change_event(request, user, "authenticator renewed" if renewed else "authenticator set up")
        request.session.cycle_key()
        bind_session(request, device)
    return codes


def renew_codes(request: HttpRequest, user: User) -> list[str]:
    """Return new recovery codes, which replace the old ones."""
    with transaction.atomic():
        codes = make_codes(user)
        append_change_event(request, user, "recovery codes renewed")
    return codes


def identifier(user: User) -> str:
    """Return an identifier of the user's current authenticator app, for a page on which an administrator decides
    about it. It is empty without an app.
    """
    devices = TOTPDevice.objects.filter(user=user, confirmed=True).order_by("pk")
    return ",".join(str(pk) for pk in devices.values_list("pk", flat=True))


def remove(request: HttpRequest, user: User) -> None:
    """Remove the authenticator app and the recovery codes of a user."""
    with transaction.atomic():
        set_lock_timeout()
        # No other authenticator app can be set up or removed in the meantime.
        User.objects.select_for_update().get(pk=user.pk)
        for kind in (TOTPDevice, StaticDevice):
            kind.objects.filter(user=user).delete()
        append_change_event(request, user, "authenticator removed")
