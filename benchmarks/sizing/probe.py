"""Command `python -m benchmarks.sizing.probe KEYS`: measures how a database grows with its keys.

It fills the database in DATABASE_URL. It prints, as JSON, the bytes per key, in total and for every table that grew,
and the bytes per usage row.
"""

import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

import django
from django.core.management import call_command
from django.db import connection

KEY: Final = "a key"
USE: Final = "a row of use"
_MINUTE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TOGETHER: Final = 10_000
_POSTGRESQL: Final = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
_SQLITE: Final = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"


def main(keys: int) -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    empty = _bytes_by_table()
    # Imported here, because models can't be imported before Django is set up.
    import_module("console.demo_data.synthetic_keys").fill(0, keys)
    filled = _bytes_by_table()
    _use_each_key()
    used = _bytes_by_table()
    grown = {table: (size - empty[table]) / keys for table, size in filled.items() if size > empty[table]}
    print(json.dumps({**grown, USE: (used[KEY] - filled[KEY]) / keys}))


def _use_each_key() -> None:
    """Insert one usage row per key, all for the same minute."""
    models = import_module("apikeys.models")
    ids = models.APIKey.objects.order_by("id").values_list("id", flat=True)
    models.Usage.objects.bulk_create(
        [models.Usage(key_id=key, step=models.UsageStep.MINUTE, start=_MINUTE, allowed=1) for key in ids],
        batch_size=_TOGETHER,
    )


def _bytes_by_table() -> dict[str, int]:
    """Return the bytes of every table with its indexes, and their sum as KEY. For SQLite, return only the sum."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(_SQLITE)
            return {KEY: int(cursor.fetchone()[0])}
        cursor.execute(_POSTGRESQL)
        sizes = {str(table): int(size) for table, size in cursor.fetchall()}
    return {KEY: sum(sizes.values()), **sizes}


if __name__ == "__main__":
    main(int(sys.argv[1]))
