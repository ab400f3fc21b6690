"""Lock timeouts: how long a change waits for the changes before it, and a record of those that gave up."""

import math
from time import monotonic
from typing import Final

from django.db import connection, connections

from events.batched_sql import Statement, run

MAX_WAIT_SECONDS: Final = 5.0
"""How long a change in a serving process waits for a lock. Commands on SQLite wait for as long as the settings say."""
RECENT_SECONDS: Final = 15.0

_LOCK_NOT_AVAILABLE: Final = "55P03"
_SQLITE_BUSY: Final = 5

# In seconds of this process's monotonic clock. A list, so that functions can change it.
_last_timeout_at: Final = [-math.inf]


def set_lock_timeout() -> None:
    """Limit this transaction's wait for each lock to MAX_WAIT_SECONDS. Raise django.db.Error.

    This affects PostgreSQL, which otherwise waits without limit. For SQLite the limit belongs to the connection:
    see `limit_sqlite_waits`.
    """
    run(lock_timeout_statements())


def lock_timeout_statements() -> list[Statement]:
    """Return the same as statements, which can share a round trip with the statement that takes the lock."""
    if connection.vendor != "postgresql":
        return []
    return [Statement(f"SET LOCAL lock_timeout = {int(MAX_WAIT_SECONDS * 1000)}")]


def limit_sqlite_waits() -> None:
    """Limit SQLite's wait for other writers to MAX_WAIT_SECONDS too, in this process from now on."""
    options = connections.settings["default"]["OPTIONS"]
    if "timeout" in options:
        options["timeout"] = MAX_WAIT_SECONDS


def record_lock_timeout(error: BaseException) -> bool:
    """Return whether `error` means that a change waited too long for a lock. If so, record the time."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None or code & 0xFF != _SQLITE_BUSY:
            return False
    _last_timeout_at[0] = monotonic()
    return True


def timed_out_recently() -> bool:
    """Return whether a change of this process gave up within the last RECENT_SECONDS."""
    return monotonic() - _last_timeout_at[0] < RECENT_SECONDS


def reset() -> None:
    """Clear the record."""
    _last_timeout_at[0] = -math.inf
