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
_POSTGRESQL_POOL: Final[dict[str, Any]] = {"min_size": 1, "max_size": 10, "timeout": 5}


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
        return {**database, "OPTIONS": {**database.get("OPTIONS", {}), "pool": _POSTGRESQL_POOL}}
    raise ImproperlyConfigured("DATABASE_URL: must be sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME.")
