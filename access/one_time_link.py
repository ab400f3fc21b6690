"""One-time links: with one, a person chooses the password that no administrator knows.

The link contains a token of Django's password reset (an HMAC under SECRET_KEY), which nothing stores. The HMAC covers
the stored password, so a link works once, and a new link or its withdrawal ends the one before it. Until the person has
chosen a password, the account has none, and the end of the link is stored in its place.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.views.decorators.debug import sensitive_variables

from access.model_admin import is_row_number

MAX_CODE_LENGTH: Final = 500
_NONCE_LENGTH: Final = 32
_PENDING: Final = re.compile(rf"{re.escape(UNUSABLE_PASSWORD_PREFIX)}link:([0-9]{{1,12}}):", re.ASCII)


class _Tokens(PasswordResetTokenGenerator):
    """Tokens that end with the stored password, and with nothing else: a changed email address keeps them."""

    key_salt = "access.one_time_link"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{user.pk}:{user.password}:{timestamp}"


_tokens: Final = _Tokens()


class Link(NamedTuple):
    """A new link: its code, which can't be read again later, and its end."""

    code: str
    ends_at: datetime


def begin_link(user: User) -> Link:
    """End the user's password and any earlier link. Return a new link, which ends after PASSWORD_RESET_TIMEOUT.

    The caller saves the user.
    """
    ends_at = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    # Django treats every password with this prefix as none, whatever follows. The nonce makes each link unique.
    nonce = get_random_string(_NONCE_LENGTH)
    user.password = f"{UNUSABLE_PASSWORD_PREFIX}link:{int(ends_at.timestamp())}:{nonce}"
    return Link(f"{user.pk}-{_tokens.make_token(user)}", ends_at)


def link_url(code: str) -> str:
    """Return the address to send to the person."""
    # Browsers don't send a fragment. So the code can't end up in the log of this server or of a proxy, and a program
    # that opens the link for a preview doesn't learn it.
    return f"{settings.PUBLIC_URL}{reverse('admin:set-password')}#{code}"


def link_end(user: User) -> datetime | None:
    """Return when the user's link ends, or ended, or None without a link: it was used or withdrawn, or never made."""
    found = _PENDING.match(user.password)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


@sensitive_variables()
def user_of(typed: str) -> User | None:
    """Return the user whose link has the code that was typed or pasted, also as the whole link.

    Return None if the link is unknown, used, withdrawn or expired, or its user is deactivated.
    """
    code = typed.strip().rpartition("#")[2]
    pk, _, token = code.partition("-")
    if not is_row_number(pk):
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user is not None and is_open(user, token=token) else None


@sensitive_variables("token")
def is_open(user: User, *, token: str) -> bool:
    """Return whether the token is that of the user's link, and the link has not ended."""
    end = link_end(user)
    return end is not None and timezone.now() < end and _tokens.check_token(user, token)
