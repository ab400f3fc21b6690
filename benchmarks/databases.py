"""A temporary PostgreSQL database to measure on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import psycopg


@contextmanager
def postgresql() -> Iterator[str | None]:
    """Yield the URL of a new database on the server of TEST_POSTGRESQL_URL or on 127.0.0.1, or None without one."""
    url = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    try:
        server = psycopg.connect(url, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        print("No PostgreSQL responds: it is skipped.", file=sys.stderr)
        yield None
        return
    name = f"latchkey_bench_{token_hex(6)}"
    with server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
