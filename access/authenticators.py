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
from events.lock_wait import bound_lock_waits


def begin_set_up(user: User) -> Any:
    """A device with a new key that waits for its first code. The one in use, if any, works until then."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        return TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)


def confirm(request: HttpRequest, user: User, waiting: Any, code: str) -> list[str] | None:
    """Puts the `waiting` device in the place of all others and returns new recovery codes; None for a wrong code.

    The session goes on under another key, as one that has given its code.
    """
    with transaction.atomic():
        bound_lock_waits()
        User.objects.select_for_update().get(pk=user.pk)
        device = TOTPDevice.objects.select_for_update().filter(pk=waiting.pk, confirmed=False).first()
        if device is None:
            return None
        # Failures close a device for seconds against guessing. Here the key is on the page: there is nothing to guess.
        device.throttle_reset(commit=False)
        if not device.verify_token("".join(code.split())):
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


def names(user: User) -> str:
    """Return which authenticator the user has, for a page on which somebody decides about it."""
    devices = TOTPDevice.objects.filter(user=user, confirmed=True).order_by("pk")
    return ",".join(str(pk) for pk in devices.values_list("pk", flat=True))


def remove(request: HttpRequest, user: User, *, known: str | None = None) -> bool:
    """Takes the authenticator and the recovery codes away: of oneself, or of somebody who lost them. False if `known`
    is not what `names` returns: then another one was set up after that was read, and nothing is removed.
    """
    with transaction.atomic():
        bound_lock_waits()
        User.objects.select_for_update().get(pk=user.pk)  # no other one is set up or removed meanwhile
        if known is not None and names(user) != known:
            return False
        for kind in (TOTPDevice, StaticDevice):
            kind.objects.filter(user=user).delete()
        tell_change(request, user, "authenticator removed")
    return True
