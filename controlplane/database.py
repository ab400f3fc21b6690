"""The database that DATABASE_URL names: SQLite in WAL mode, or PostgreSQL through a pool."""

import os
from contextlib import suppress
from typing import Any, Final

import environ
from django.core.exceptions import ImproperlyConfigured

from controlplane.environment import Environment

_SQLITE: Final[dict[str, Any]] = {
    # A writer that would upgrade a read transaction fails at once instead of waiting; IMMEDIATE waits its turn.
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
    # After a failover behind the same address, sessions to the old server end in minutes also where nobody uses them.
    "max_lifetime": 300,
}
# A server that is gone without a word (a failover, a dropped state in a firewall) is given up after some 20 seconds,
# and not after the operating system's 15 minutes or never. Source: libpq, "Parameter Key Words"; seconds, but for the
# last. A statement_timeout is left to the database: poolers such as PgBouncer refuse connections that ask for one.
_POSTGRESQL_SILENCE: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def database_config(env: Environment) -> dict[str, Any]:
    """Django's settings of the database; a file in DATA_DIR where DATABASE_URL is not set.

    Raises ImproperlyConfigured, whose message shows nothing of the URL, as that may hold a password.
    """
    if not os.environ.get("DATABASE_URL"):
        name = str(env.data_dir / "latchkey.sqlite3")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, **_SQLITE}
    url = env.url("DATABASE_URL", "", ("sqlite", "postgres", "postgresql"))
    database: dict[str, Any] = {}
    if url.scheme != "sqlite" or url.netloc == "":
        with suppress(Exception):  # the library raises what it meets
            database = dict(environ.Env.db_url_config(os.environ["DATABASE_URL"]))
    if url.scheme == "sqlite" and database.get("NAME") not in (None, "", ":memory:"):
        return {**database, **_SQLITE}
    if url.scheme != "sqlite" and database.get("NAME") and url.hostname:
        from apikeys.watched_session import WatchedSession  # loads psycopg, which SQLite does without

        pool = {**_POSTGRESQL_POOL, "connection_class": WatchedSession}
        options = {**_POSTGRESQL_SILENCE, **database.get("OPTIONS", {}), "pool": pool}
        # Sessions that ended while they were in the pool, as in a restart of the server, are not handed out.
        return {**database, "OPTIONS": options, "CONN_HEALTH_CHECKS": True}
    raise ImproperlyConfigured("DATABASE_URL: must be sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME.")
