"""Database dumps as SQL, with rows in COPY format."""

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def of_sqlite(file: Path) -> Iterator[str]:
    """Return the lines of a dump with the rows as COPY writes them: no text in it then stands within quotes."""
    with closing(sqlite3.connect(file)) as connection:
        made = "SELECT name, sql FROM sqlite_master WHERE type {} AND sql NOTNULL AND name NOT LIKE 'sqlite_%' ORDER BY name"
        tables = connection.execute(made.format("= 'table'")).fetchall()
        yield from (f"{sql};" for _, sql in tables)
        for table, _ in tables:
            shape = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", [table])
            columns = ", ".join(f'"{name}"' for (name,) in shape)
            yield f"COPY {table} ({columns}) FROM stdin;"
            yield from copied_rows(connection, table, columns)
            yield "\\."
        yield from (f"{sql};" for _, sql in connection.execute(made.format("<> 'table'")))


def copied_rows(connection: sqlite3.Connection, table: str, columns: str) -> Iterator[str]:
    """Return the rows of a table of SQLite as PostgreSQL's COPY writes them."""
    for row in connection.execute(f'SELECT {columns} FROM "{table}" ORDER BY 1'):
        yield "\t".join(map(_field, row))


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def of_postgresql(url: str) -> Iterator[str]:
    """Return what pg_dump writes, without its comments and without what belongs to its version."""
    done = subprocess.run(["pg_dump", "--no-owner", "--no-privileges", url], check=True, capture_output=True, text=True)
    yield "SET client_encoding = 'UTF8';"
    for line in done.stdout.splitlines():
        if line and not re.match(r"--|SET |\\(un)?restrict |SELECT pg_catalog.set_config", line):
            yield line
