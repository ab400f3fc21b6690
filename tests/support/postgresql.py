"""New databases on the PostgreSQL of the tests."""

import os
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from tests.support.services import postgresql_url


def new_name() -> str:
    """A name that no other test has, on any machine: tests run side by side."""
    return f"latchkey_test_{os.getpid()}_{uuid4().hex[:12]}"


def url_of(name: str) -> str:
    """The URL of a database, on the server of the tests."""
    return urlsplit(postgresql_url())._replace(path=f"/{name}").geturl()


def new_database(template: str | None = None) -> str:
    """Return the URL of a new database, or of a copy of `template`. The template must have no connections."""
    name = new_name()
    copied = f' TEMPLATE "{_name_in(template)}"' if template else ""
    with psycopg.connect(postgresql_url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit TO off')  # no test pulls the plug
    return url_of(name)


def drop_database(url: str) -> None:
    """Drop a database, even if it still has connections."""
    with psycopg.connect(postgresql_url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{_name_in(url)}" WITH (FORCE)')


def set_read_only(url: str, *, on: bool) -> None:
    """Let sessions that begin from now on take no changes, as those to a standby don't; or take them again."""
    change = "SET default_transaction_read_only TO on" if on else "RESET default_transaction_read_only"
    with psycopg.connect(postgresql_url(), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{_name_in(url)}" {change}')


def cut_sessions(url: str) -> None:
    """End every session of a database, as a restart of its server does."""
    with psycopg.connect(postgresql_url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [_name_in(url)])


def _name_in(url: str) -> str:
    return urlsplit(url).path[1:]
