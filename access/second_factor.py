"""Second factor of a sign-in: a code of the authenticator app, or a recovery code."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from access.recovery_codes import code_digest
from events.lock_timeout import set_lock_timeout


def has_authenticator(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the user has set up an authenticator app, and so needs a code to sign in."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def verified_device(user: User, code: str) -> Any | None:
    """Return the user's django-otp device for which `code` is valid now, or None. A code is valid once.

    A device with failures is locked for 1, 2, 4 … seconds, whatever the code.
    """
    typed = "".join(code.split())
    with transaction.atomic():
        # The kind of code determines the device, so a wrong recovery code does not lock the authenticator app.
        if typed.isascii() and typed.isdigit():
            return _verified(TOTPDevice, user, typed)
        return _verified(StaticDevice, user, code_digest(user, typed)) if typed else None


def _verified(kind: Any, user: User, token: str) -> Any | None:
    """Return the user's confirmed device of this kind if `token` is valid for it, or None."""
    set_lock_timeout()
    # Lock the device, so that of two requests with the same code one is rejected.
    device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
    return device if device is not None and device.verify_token(token) else None
