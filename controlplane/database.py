"""Database settings from DATABASE_URL: SQLite in WAL mode, or PostgreSQL with a connection pool."""

import os
from contextlib import suppress
from typing import Any, Final

import environ
from django.core.exceptions import ImproperlyConfigured

from controlplane.environment import Environment

_SQLITE: Final[dict[str, Any]] = {
    # Without IMMEDIATE, a read transaction that starts to write fails immediately if another writer is active.
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
    "CONN_MAX_AGE": None,
}
_POSTGRESQL_POOL: Final[dict[str, Any]] = {
    "min_size": 1,
    "max_size": 10,
    "timeout": 5,
    # After a failover behind the same address, even unused sessions to the old server end within minutes.
    "max_lifetime": 300,
}
# A server that disappears without closing connections (a failover, lost firewall state) is given up after about 20
# seconds, instead of the operating system's 15 minutes or never. Source: libpq documentation, "Parameter Key
# Words". In seconds, except for keepalives_count and tcp_user_timeout (milliseconds). No statement_timeout:
# poolers such as PgBouncer reject connections that ask for one, so it is left to the database.
_POSTGRESQL_SILENCE: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def database_config(env: Environment) -> dict[str, Any]:
    """Return Django's database settings. Without DATABASE_URL, that is a SQLite file in DATA_DIR.

    Raise ImproperlyConfigured if DATABASE_URL is invalid.
    """
    if not os.environ.get("DATABASE_URL"):
        name = str(env.data_dir / "latchkey.sqlite3")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, **_SQLITE}
    url = env.url("DATABASE_URL", "", ("sqlite", "postgres", "postgresql"))
    database: dict[str, Any] = {}
    if url.scheme != "sqlite" or url.netloc == "":
        # The library passes on whatever exception its parsers raise.
        with suppress(Exception):
            database = dict(environ.Env.db_url_config(os.environ["DATABASE_URL"]))
    if url.scheme == "sqlite" and database.get("NAME") not in (None, "", ":memory:"):
        return {**database, **_SQLITE}
    if url.scheme != "sqlite" and database.get("NAME") and url.hostname:
        # Imported here, because it loads psycopg, which SQLite doesn't need.
        from apikeys.cache.closable_connection import WatchedSession

        pool = {**_POSTGRESQL_POOL, "connection_class": WatchedSession}
        options = {**_POSTGRESQL_SILENCE, **database.get("OPTIONS", {}), "pool": pool}
        # Health checks drop pooled sessions that have ended meanwhile, for example in a restart of the database server.
        return {**database, "OPTIONS": options, "CONN_HEALTH_CHECKS": True}
    # Don't repeat the URL in the message: it may contain a password.
    raise ImproperlyConfigured("DATABASE_URL: must be sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME.")
