"""The second factor: a code of the authenticator, or a recovery code."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from access.recovery_codes import code_digest
from events.lock_wait import bound_lock_waits


def has_authenticator(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user has set one up, and so needs a code to sign in."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def verified_device(user: User, code: str) -> Any | None:
    """The user's django-otp device for which `code` is right now, or None; a code is right once.

    The device is locked meanwhile, so that of two requests with one code one is told that it is wrong. A device with
    failures is closed for 1, 2, 4 … seconds, whatever the code. The kind of code decides the device: a wrong recovery
    code does not close the authenticator.
    """
    typed = "".join(code.split())
    with transaction.atomic():
        if typed.isascii() and typed.isdigit():
            return _verified(TOTPDevice, user, typed)
        return _verified(StaticDevice, user, code_digest(user, typed)) if typed else None


def _verified(kind: Any, user: User, token: str) -> Any | None:
    bound_lock_waits()
    device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
    return device if device is not None and device.verify_token(token) else None
