"""Lifetime of an admin session: a limited time without use, and a maximum age."""

from datetime import timedelta
from typing import Final

from django.contrib.sessions.backends.base import SessionBase

MAX_AGE: Final = timedelta(hours=12)
_BEGUN: Final = "access.begun_at"
_USED: Final = "access.used_at"
_STEPS: Final = 60


def begin(session: SessionBase, now: float) -> None:
    """Start the session's age and idle time at `now` (Unix time in seconds)."""
    session[_BEGUN] = session[_USED] = now


def end_reason(session: SessionBase, now: float, idle: timedelta) -> str | None:
    """Return "age" or "idle" if the session is over, or None. A session that was never started starts now."""
    if _BEGUN not in session or _USED not in session:
        begin(session, now)
    if now - session[_BEGUN] >= MAX_AGE.total_seconds():
        return "age"
    return "idle" if now - session[_USED] >= idle.total_seconds() else None


def record_use(session: SessionBase, now: float, idle: timedelta) -> None:
    """Record a use of the session."""
    # Each record is a write to the database, so skip it if the last one is recent.
    if now - session[_USED] >= idle.total_seconds() / _STEPS:
        session[_USED] = now
