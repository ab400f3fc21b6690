"""Pending set-up of an authenticator app in a session, until its first code is confirmed, within limits."""

from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django_otp.plugins.otp_totp.models import TOTPDevice

LIFETIME: Final = timedelta(minutes=10)
# A user who has the key on the page needs fewer attempts.
MAX_WRONG_CODES: Final = 10
_PENDING: Final = "access.set_up"


def begin(session: SessionBase, device: Any, now: float) -> None:
    """Record that `session` has proved its user and sets up `device`, from `now` (Unix time in seconds)."""
    # Store the primary key of the row, not the authenticator's key: reading the session store must not reveal it.
    session[_PENDING] = {"device": device.pk, "until": now + LIFETIME.total_seconds(), "wrong_codes": 0}


def pending_device(session: SessionBase, user: User, now: float) -> Any | None:
    """Return the device that waits for its first code, or None if this session has started none or too long ago.

    Another session of the user gets None: it has not proved its user, so it isn't shown the key.
    """
    pending = session.get(_PENDING)
    if pending is None or now >= pending["until"]:
        return None
    return TOTPDevice.objects.filter(pk=pending["device"], user=user, confirmed=False).first()


def count_wrong_code(session: SessionBase) -> bool:
    """Count a wrong code. Return False if no further attempt is allowed."""
    pending = session[_PENDING]
    session[_PENDING] = {**pending, "wrong_codes": pending["wrong_codes"] + 1}
    return bool(pending["wrong_codes"] + 1 < MAX_WRONG_CODES)


def end(session: SessionBase) -> None:
    """End the set-up of this session, if there is one."""
    session.pop(_PENDING, None)
