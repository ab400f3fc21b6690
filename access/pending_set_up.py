"""The authenticator that a session is setting up: it stays on the page until its first code is right, within bounds."""

from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django_otp.plugins.otp_totp.models import TOTPDevice

LIFETIME: Final = timedelta(minutes=10)
MOST_WRONG_CODES: Final = 10
_PENDING: Final = "access.set_up"


def note(session: SessionBase, device: Any, now: float) -> None:
    """Remember that `session` gave its proof and sets up `device`, from `now` on (Unix time in seconds).

    The session holds the row's number, not the key: whoever reads sessions learns nothing of it.
    """
    session[_PENDING] = {"device": device.pk, "until": now + LIFETIME.total_seconds(), "wrong_codes": 0}


def pending_device(session: SessionBase, user: User, now: float) -> Any | None:
    """Return the device that waits for its first code, or None if this session has begun none, or too long ago.

    Another session of the user gets None: it gave no proof, and isn't shown the key.
    """
    noted = session.get(_PENDING)
    if noted is None or now >= noted["until"]:
        return None
    return TOTPDevice.objects.filter(pk=noted["device"], user=user, confirmed=False).first()


def count_wrong_code(session: SessionBase) -> bool:
    """Count a wrong code. Return False if it was the last one: whoever has the key at hand needs fewer."""
    noted = session[_PENDING]
    session[_PENDING] = {**noted, "wrong_codes": noted["wrong_codes"] + 1}
    return bool(noted["wrong_codes"] + 1 < MOST_WRONG_CODES)


def forget(session: SessionBase) -> None:
    """End the set-up of this session, if there is one."""
    session.pop(_PENDING, None)
