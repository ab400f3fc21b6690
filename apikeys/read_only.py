"""Detection of connections to a standby, which reject every change, after a failover of PostgreSQL.

Such connections survive the failover, because nothing closes them. So a thread that gets one from the pool has the
whole pool replaced and gets a new connection, until the address leads to a server that accepts changes.
"""

from threading import Lock, local
from time import monotonic
from typing import Any, Final

import structlog
from django.db import connection
from django.db.backends.signals import connection_created

REPLACED_AFTER_SECONDS: Final = 0.05
LOGGED_AFTER_SECONDS: Final = 1.0
# PostgreSQL reports both parameters, and each change of them, without a query (since version 14): "Asynchronous
# Operations".
_STANDBY: Final = "in_hot_standby"
_PARAMETERS: Final = (_STANDBY, "default_transaction_read_only")

log = structlog.get_logger(__name__)


def is_read_only(session: Any) -> bool:
    """Return whether the psycopg connection `session` leads to a server that accepts no changes, without a round
    trip.
    """
    return any(session.info.parameter_status(name) == "on" for name in _PARAMETERS)


def connection_is_read_only() -> bool:
    """Return whether this thread's connection accepts no changes."""
    session = connection.connection
    return connection.vendor == "postgresql" and session is not None and is_read_only(session)


def connection_is_to_standby() -> bool:
    """Return whether this thread's connection leads to a standby, which may lag behind the primary."""
    session = connection.connection
    return connection.vendor == "postgresql" and session.info.parameter_status(_STANDBY) == "on"


class PoolReplacement:
    """Replaces the connections of a pool, at most once in REPLACED_AFTER_SECONDS, and logs that once in
    LOGGED_AFTER_SECONDS.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._replaced_at = self._logged_at = -LOGGED_AFTER_SECONDS

    def replace(self, pool: Any) -> bool:
        """Close the idle connections of the psycopg pool `pool` now, and those in use when they are returned.

        Return whether they were replaced.
        """
        with self._lock:
            now = monotonic()
            if now - self._replaced_at < REPLACED_AFTER_SECONDS:
                return False
            self._replaced_at = now
            should_log = now - self._logged_at >= LOGGED_AFTER_SECONDS
            if should_log:
                self._logged_at = now
        if should_log:
            log.error("database_reads_only")
        # Outside of the lock: other threads need not wait for the pool.
        pool.drain()
        return True


class _Replacing(local):
    """Thread-local flag: whether this thread is opening the connection that replaces another."""

    now = False


_replacement: Final = PoolReplacement()
_replacing: Final = _Replacing()


def watch_connections() -> None:
    """Check every connection that this process opens from now on."""
    connection_created.connect(_replace_if_read_only, dispatch_uid="apikeys.read_only")


def _replace_if_read_only(sender: object, connection: Any, **_: object) -> None:
    """Replace a new connection if it accepts no changes."""
    if connection.vendor != "postgresql" or _replacing.now or not is_read_only(connection.connection):
        return
    if connection.pool and _replacement.replace(connection.pool):
        # `connect` sends the same signal again. One replacement per connection is enough.
        _replacing.now = True
        try:
            connection.close()
            connection.connect()
        finally:
            _replacing.now = False
