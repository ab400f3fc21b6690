"""The databases that are measured: throw-away ones."""

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
    """The URL of a new database in a file."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        yield f"sqlite:///{Path(directory) / 'latchkey.sqlite3'}"


@contextmanager
def postgresql() -> Iterator[str | None]:
    """The URL of a new database on the server of TEST_POSTGRESQL_URL, or on 127.0.0.1; None where none answers."""
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
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
