"""How long a change waits for those before it: a bound, and a note of what was given up."""

import math
from time import monotonic
from typing import Final

from django.db import connection, connections

from events.round_trip import Statement, run

MOST_SECONDS: Final = 5.0
"""How long a change in a serving process waits for a lock. Commands on SQLite wait for as long as the settings say."""
REMEMBERED_SECONDS: Final = 15.0

_LOCK_NOT_AVAILABLE: Final = "55P03"
_SQLITE_BUSY: Final = 5

_given_up_at: Final = [-math.inf]  # by this process's monotonic clock


def bound_lock_waits() -> None:
    """Let this transaction wait MOST_SECONDS at most for each lock, if the database is PostgreSQL, which else waits
    without end. For SQLite the bound is one of the connection: see `serve_with_bounds`. Raises django.db.Error.
    """
    run(lock_bound())


def lock_bound() -> list[Statement]:
    """Return what does the same, to go with the statement that takes the lock, by one round trip."""
    if connection.vendor != "postgresql":
        return []
    return [Statement(f"SET LOCAL lock_timeout = {int(MOST_SECONDS * 1000)}")]


def serve_with_bounds() -> None:
    """Let SQLite, too, wait no longer than MOST_SECONDS for other writers, in this process and from now on."""
    options = connections.settings["default"]["OPTIONS"]
    if "timeout" in options:
        options["timeout"] = MOST_SECONDS


def note_given_up(error: BaseException) -> bool:
    """Note it if `error` says that a change waited too long for a lock; return whether it does."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None or code & 0xFF != _SQLITE_BUSY:
            return False
    _given_up_at[0] = monotonic()
    return True


def waits() -> bool:
    """Return whether a change of this process was given up in the last REMEMBERED_SECONDS."""
    return monotonic() - _given_up_at[0] < REMEMBERED_SECONDS


def forget() -> None:
    """Forget what was noted."""
    _given_up_at[0] = -math.inf
