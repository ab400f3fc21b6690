"""Temporary databases to measure on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
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


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Yield the URLs of new databases by their system: SQLite, and PostgreSQL if a server responds."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory, postgresql() as server:
        found = {"SQLite": f"sqlite:///{Path(directory) / 'latchkey.sqlite3'}"}
        yield found | ({"PostgreSQL": server} if server else {})
