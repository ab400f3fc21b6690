"""How long a session of the admin lasts: a while without use, and never beyond its oldest age."""

from datetime import timedelta
from typing import Final

from django.contrib.sessions.backends.base import SessionBase

OLDEST: Final = timedelta(hours=12)
_BEGUN: Final = "access.begun_at"
_USED: Final = "access.used_at"
_STEPS: Final = 60


def begin(session: SessionBase, now: float) -> None:
    """Counts the session's age, and its idle time, from `now` (Unix time in seconds)."""
    session[_BEGUN] = session[_USED] = now


def why_ended(session: SessionBase, now: float, idle: timedelta) -> str | None:
    """Where the session is over: "age" or "idle"; else None. One that was never begun begins."""
    if _BEGUN not in session or _USED not in session:
        begin(session, now)
    if now - session[_BEGUN] >= OLDEST.total_seconds():
        return "age"
    return "idle" if now - session[_USED] >= idle.total_seconds() else None


def use(session: SessionBase, now: float, idle: timedelta) -> None:
    """Notes a use, where the last note is old enough to be worth a write."""
    if now - session[_USED] >= idle.total_seconds() / _STEPS:
        session[_USED] = now
