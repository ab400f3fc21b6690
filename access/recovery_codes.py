"""Recovery codes: each one signs in once if the authenticator app is lost. Only their digests are stored."""

import secrets
from base64 import b32encode
from typing import Final

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice

COUNT: Final = 10
# 32 characters, none of which can be mistaken for another.
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH: Final = 12  # 60 bits of entropy
_DIGEST_LENGTH: Final = 16  # 80 bits, the size of django-otp's column


def make_codes(user: User) -> list[str]:
    """Return new codes, which replace all existing ones of the user, within the caller's transaction.

    The codes cannot be read again later.
    """
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(COUNT)]
    for code in codes:
        device.token_set.create(token=code_digest(user, code))
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def codes_left(user: User) -> int:
    """Return how many of the user's codes are unused."""
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


def code_digest(user: User, code: str) -> str:
    """Return the digest that is stored of a code: an HMAC under SECRET_KEY that includes the user."""
    # Upper case and missing or additional hyphens don't matter.
    plain = code.replace("-", "").lower()
    digest = salted_hmac("access.recovery_codes", f"{user.pk}:{plain}", algorithm="sha256").digest()
    return b32encode(digest).decode()[:_DIGEST_LENGTH]
