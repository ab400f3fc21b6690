"""PostgreSQL connections that can be closed from their first moment on, also while they wait in the pool.

The pool checks a connection before it hands it out. If the database does not respond, that check never ends, and
Django does not have the connection yet, so it cannot name it.
"""

from typing import Any, Self

import psycopg

from apikeys.cache.query_deadlines import remember


class WatchedSession(psycopg.Connection[Any]):
    """Connection that `database_silence.cut_connections` can close."""

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        """Return a new connection. Raises psycopg.Error."""
        session = super().connect(conninfo, **options)
        remember(session, psycopg.Error)
        return session
