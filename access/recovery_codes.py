"""Recovery codes: each opens the admin once where the authenticator is lost. Only digests of them are kept."""

import secrets
from base64 import b32encode
from typing import Final

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice

COUNT: Final = 10
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 letters, none taken for another
_LENGTH: Final = 12  # 60 bits
_DIGEST_LENGTH: Final = 16  # 80 bits: what django-otp's column holds


def make_codes(user: User) -> list[str]:
    """New codes in place of all that the user had, within the caller's transaction. Nothing tells them again."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(COUNT)]
    for code in codes:
        device.token_set.create(token=code_digest(user, code))
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def codes_left(user: User) -> int:
    """How many of the user's codes were not used."""
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


def code_digest(user: User, code: str) -> str:
    """What is kept of a code, however it was typed: an HMAC under SECRET_KEY, with the user in it."""
    plain = code.replace("-", "").lower()
    digest = salted_hmac("access.recovery_codes", f"{user.pk}:{plain}", algorithm="sha256").digest()
    return b32encode(digest).decode()[:_DIGEST_LENGTH]
