"""New databases on the PostgreSQL of the tests."""

import os
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from tests.services import postgresql_url


def new_name() -> str:
    """A name that no other test has, on any machine: tests run side by side."""
    return f"latchkey_test_{os.getpid()}_{uuid4().hex[:12]}"


def url_of(name: str) -> str:
    """The URL of a database, on the server of the tests."""
    return urlsplit(postgresql_url())._replace(path=f"/{name}").geturl()


def new_database(template: str | None = None) -> str:
    """The URL of a new database; with the URL of another one as its template, a copy of that, which nobody uses then."""
    name = new_name()
    copied = f' TEMPLATE "{_name_in(template)}"' if template else ""
    with psycopg.connect(postgresql_url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit TO off')  # no test pulls the plug
    return url_of(name)


def drop_database(url: str) -> None:
    """Drops a database, whoever is still connected to it."""
    with psycopg.connect(postgresql_url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{_name_in(url)}" WITH (FORCE)')


def _name_in(url: str) -> str:
    return urlsplit(url).path[1:]
