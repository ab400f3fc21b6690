"""Sessions in which the database refuses every change: those to a server that a failover made a standby.

They outlive the failover, as nothing ends them. So whoever gets one from the pool has all of it replaced, until the
address leads to a server that takes changes.
"""

from threading import Lock
from time import monotonic
from typing import Any, Final

import structlog
from django.db import connection
from django.db.backends.signals import connection_created

REPLACED_AFTER_SECONDS: Final = 1.0
# PostgreSQL tells both, and each change of them, without being asked (since version 14): "Asynchronous Operations".
_PARAMETERS: Final = ("in_hot_standby", "default_transaction_read_only")

log = structlog.get_logger(__name__)


def is_read_only(session: Any) -> bool:
    """Return whether the psycopg connection `session` leads to a server that takes no change. Costs no round trip."""
    return any(session.info.parameter_status(name) == "on" for name in _PARAMETERS)


def reads_only() -> bool:
    """Return whether this thread's session takes no change."""
    session = connection.connection
    return connection.vendor == "postgresql" and session is not None and is_read_only(session)


class Replacement:
    """Has the sessions of a pool replaced, once in REPLACED_AFTER_SECONDS at most."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = -REPLACED_AFTER_SECONDS

    def ask(self, pool: Any) -> None:
        """Close the sessions that wait in the psycopg pool `pool`, and those in use when they are given back."""
        with self._lock:
            now = monotonic()
            if now - self._last < REPLACED_AFTER_SECONDS:
                return
            self._last = now
        log.error("database_reads_only")
        pool.drain()


_replacement: Final = Replacement()


def watch_sessions() -> None:
    """From now on look at each session that this process gets."""
    connection_created.connect(_look, dispatch_uid="apikeys.read_only")


def _look(sender: object, connection: Any, **_: object) -> None:
    if connection.vendor == "postgresql" and is_read_only(connection.connection) and connection.pool:
        _replacement.ask(connection.pool)
