"""Lock timeouts: how long a change waits for the changes before it, and a record of those that gave up."""

import math
from time import monotonic
from typing import Final

from django.db import connection, connections

from events.batched_sql import Statement, run

MOST_SECONDS: Final = 5.0
"""How long a change in a serving process waits for a lock. Commands on SQLite wait for as long as the settings say."""
REMEMBERED_SECONDS: Final = 15.0

_LOCK_NOT_AVAILABLE: Final = "55P03"
_SQLITE_BUSY: Final = 5

# In seconds of this process's monotonic clock. A list, so that functions can change it.
_given_up_at: Final = [-math.inf]


def bound_lock_waits() -> None:
    """Limit this transaction's wait for each lock to MOST_SECONDS. Raise django.db.Error.

    This affects PostgreSQL, which otherwise waits without limit. For SQLite the limit belongs to the connection:
    see `serve_with_bounds`.
    """
    run(lock_bound())


def lock_bound() -> list[Statement]:
    """Return the same as statements, which can share a round trip with the statement that takes the lock."""
    if connection.vendor != "postgresql":
        return []
    return [Statement(f"SET LOCAL lock_timeout = {int(MOST_SECONDS * 1000)}")]


def serve_with_bounds() -> None:
    """Limit SQLite's wait for other writers to MOST_SECONDS too, in this process from now on."""
    options = connections.settings["default"]["OPTIONS"]
    if "timeout" in options:
        options["timeout"] = MOST_SECONDS


def note_given_up(error: BaseException) -> bool:
    """Return whether `error` means that a change waited too long for a lock. If so, record the time."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None or code & 0xFF != _SQLITE_BUSY:
            return False
    _given_up_at[0] = monotonic()
    return True


def waits() -> bool:
    """Return whether a change of this process gave up within the last REMEMBERED_SECONDS."""
    return monotonic() - _given_up_at[0] < REMEMBERED_SECONDS


def forget() -> None:
    """Clear the record."""
    _given_up_at[0] = -math.inf
