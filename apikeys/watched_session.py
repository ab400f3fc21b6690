"""Sessions to PostgreSQL that can be cut from their first moment on, also while they wait in the pool.

The pool asks a session for a sign of life as it hands it out. If the database says nothing, that waits without end, and
Django, which has not got the session yet, cannot say which one it is.
"""

from typing import Any, Self

import psycopg

from apikeys.database_silence import remember


class WatchedSession(psycopg.Connection[Any]):
    """A session that `database_silence.cut_connections` knows."""

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        """Return a new session. Raises psycopg.Error."""
        session = super().connect(conninfo, **options)
        remember(session, psycopg.Error)
        return session
