"""Archive of PostgreSQL tables: one zip file with each table's rows in COPY format, its columns and its sequences."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from django.db import connection
from psycopg import sql

from backup.errors import BackupFailed

_INDEX: Final = "tables.json"
_BLOCK: Final = 1 << 20
_TABLES: Final = """
SELECT relname FROM pg_class WHERE relkind = 'r'
    AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
        AND deptype = 'e') ORDER BY relname"""
_COLUMNS: Final = """
SELECT attname, pg_sequence_last_value(pg_get_serial_sequence(
    format('%%I.%%I', current_schema(), %s::text), attname)::regclass) FROM pg_attribute
WHERE attrelid = format('%%I.%%I', current_schema(), %s::text)::regclass AND attnum > 0 AND NOT attisdropped
    AND attgenerated = '' ORDER BY attnum"""
_SET_SEQUENCE: Final = "SELECT setval(pg_get_serial_sequence(format('%%I.%%I', current_schema(), %s::text), %s), %s)"


@dataclass(frozen=True, slots=True)
class Table:
    """A table in an archive. `sequences` maps each auto-numbered column to its last value."""

    name: str
    columns: tuple[str, ...]
    sequences: dict[str, int]
    rows: int


def table_names() -> list[str]:
    """Return the tables of the current schema, except those of extensions."""
    # All of them, also the log of webhook attempts (events_webhookattempt). It is small, because its rows are bounded,
    # and it names events by their IDs. If it were newer than the event log after a restore, it would show other events
    # under these IDs, and send those again. SQLite's backup copies the whole file anyway.
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return [name for (name,) in cursor.fetchall()]


def write_tables(names: Sequence[str], target: Path) -> None:
    """Write the tables, as the current transaction sees them, to the new file `target`. Rows are streamed."""
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        tables = [asdict(_write(archive, name)) for name in names]
        archive.writestr(_INDEX, json.dumps(tables, indent=2) + "\n")


@contextmanager
def open_archive(source: Path) -> Iterator[tuple[zipfile.ZipFile, list[Table]]]:
    """Open an archive; yield it with its tables. Raise BackupFailed if it can't be read, also later in the block."""
    try:
        with zipfile.ZipFile(source) as archive:
            index = json.loads(archive.read(_INDEX))
            yield archive, [Table(**{**entry, "columns": tuple(entry["columns"])}) for entry in index]
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError):
        raise BackupFailed(f"{source} is damaged. Take another backup.") from None


def read_table(archive: zipfile.ZipFile, table: Table) -> None:
    """Load the rows into the empty table of that name, and continue its sequences after them.

    Raise BackupFailed if the number of rows is wrong.
    """
    with archive.open(f"{table.name}.copy") as rows, connection.cursor() as cursor:
        with cursor.copy(_copy(table.name, table.columns, "FROM STDIN")) as into:
            while block := rows.read(_BLOCK):
                into.write(block)
        if cursor.rowcount != table.rows:
            raise BackupFailed(f"{table.name} should have {table.rows} rows, but {cursor.rowcount} were found.")
        for column, last in table.sequences.items():
            cursor.execute(_SET_SEQUENCE, [table.name, column, last])


def _write(archive: zipfile.ZipFile, name: str) -> Table:
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [name, name])
        found = cursor.fetchall()
        columns = tuple(column for column, _ in found)
        with (
            archive.open(f"{name}.copy", "w", force_zip64=True) as entry,
            cursor.copy(_copy(name, columns, "TO STDOUT")) as rows,
        ):
            _copy_blocks(rows, entry)
        sequences = {column: last for column, last in found if last is not None}
        return Table(name, columns, sequences, int(cursor.rowcount))


def _copy_blocks(rows: Any, entry: IO[bytes]) -> None:
    for block in rows:
        entry.write(block)


def _copy(name: str, columns: Sequence[str], direction: str) -> sql.Composed:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) {}").format(sql.Identifier(name), listed, sql.SQL(direction))
