"""Setting up, renewing, removing and resetting a user's authenticator (TOTP, RFC 6238)."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django_otp import login as bind_session
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from access.account_changes import tell_change
from access.recovery_codes import make_codes


def begin_set_up(user: User) -> Any:
    """A device with a new key that waits for its first code. The one in use, if any, works until then."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        return TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)


def waits_for_code(user: User) -> bool:
    """Whether a set-up was begun and not confirmed."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=False).exists())


def confirm(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Puts the waiting device in the place of all others and returns new recovery codes; None for a wrong code.

    The session goes on under another key, as one that has given its code.
    """
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token("".join(code.split())):
            return None
        renewed = TOTPDevice.objects.filter(user=user, confirmed=True).delete()[0] > 0
        device.confirmed = True
        device.save()
        codes = make_codes(user)
        tell_change(request, user, "authenticator renewed" if renewed else "authenticator set up")
        request.session.cycle_key()
        bind_session(request, device)
    return codes


def renew_codes(request: HttpRequest, user: User) -> list[str]:
    """New recovery codes in place of the old ones."""
    with transaction.atomic():
        codes = make_codes(user)
        tell_change(request, user, "recovery codes renewed")
    return codes


def remove(request: HttpRequest, user: User) -> None:
    """Takes the authenticator and the recovery codes away: of oneself, or of somebody who lost them."""
    with transaction.atomic():
        for kind in (TOTPDevice, StaticDevice):
            kind.objects.filter(user=user).delete()
        tell_change(request, user, "authenticator removed")
