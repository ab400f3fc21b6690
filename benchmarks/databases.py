"""Temporary databases for measurements."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import psycopg


@contextmanager
def sqlite() -> Iterator[str]:
    """Yield the URL of a new SQLite database, which is deleted afterwards."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        yield f"sqlite:///{Path(directory) / 'latchkey.sqlite3'}"


@contextmanager
def postgresql() -> Iterator[str | None]:
    """Yield the URL of a new PostgreSQL database, which is dropped afterwards, or None if no server is available.

    The server is that of TEST_POSTGRESQL_URL, or the one on 127.0.0.1.
    """
    url = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    try:
        server = psycopg.connect(url, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        yield None
        return
    name = f"latchkey_bench_{token_hex(6)}"
    with server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            # FORCE, because connections of the stopped servers may still be open.
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
