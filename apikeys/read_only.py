"""Sessions in which the database refuses every change: those to a server that a failover made a standby.

They outlive the failover, as nothing ends them. So a thread that gets one from the pool has all of it replaced, and
gets a new one itself, until the address leads to a server that takes changes.
"""

from threading import Lock, local
from time import monotonic
from typing import Any, Final

import structlog
from django.db import connection
from django.db.backends.signals import connection_created

REPLACED_AFTER_SECONDS: Final = 0.05
SAID_AFTER_SECONDS: Final = 1.0
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
    """Replaces the sessions of a pool, once in REPLACED_AFTER_SECONDS at most; says so once in SAID_AFTER_SECONDS."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = self._said = -SAID_AFTER_SECONDS

    def ask(self, pool: Any) -> bool:
        """Close the sessions that wait in the psycopg pool `pool`, and those in use when they are given back. Return
        whether it was time for that.
        """
        with self._lock:
            now = monotonic()
            if now - self._last < REPLACED_AFTER_SECONDS:
                return False
            self._last = now
            says = now - self._said >= SAID_AFTER_SECONDS
            if says:
                self._said = now
        if says:
            log.error("database_reads_only")
        pool.drain()
        return True


class _Replacing(local):
    """Whether this thread is getting the session that replaces another."""

    now = False


_replacement: Final = Replacement()
_replacing: Final = _Replacing()


def watch_sessions() -> None:
    """From now on look at each session that this process gets."""
    connection_created.connect(_look, dispatch_uid="apikeys.read_only")


def _look(sender: object, connection: Any, **_: object) -> None:
    if connection.vendor != "postgresql" or _replacing.now or not is_read_only(connection.connection):
        return
    if connection.pool and _replacement.ask(connection.pool):
        # The address may lead to another server by now: the first change after a failover need not fail.
        _replacing.now = True
        try:
            connection.close()
            connection.connect()
        finally:
            _replacing.now = False
