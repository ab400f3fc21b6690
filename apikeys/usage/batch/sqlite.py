"""Batch of usage on SQLite: the comparison fills a temporary table without a lock, and a short transaction writes."""

from time import monotonic
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from apikeys.usage.batch.changes import Dialect, changes, minute_rows, rolled_rows, total_rows
from apikeys.usage.batch.counted import Counted, Written
from latchkey.timestamps import from_ns

# Times are texts, as in 2027-01-31 09:30:00.123456.
_ZEROS: Final = {"minute": (17, "00"), "hour": (14, "00:00"), "day": (11, "00:00:00")}


def _truncated(step: str, moment: str) -> str:
    kept, zeros = _ZEROS[step]
    return f"SUBSTR({moment}, 1, {kept}) || '{zeros}'"


SQL: Final = Dialect(
    latest=lambda one, other: f"MAX(COALESCE({one}, {other}), COALESCE({other}, {one}))",
    larger=lambda one, other: f"MAX({one}, {other})",
    truncated=_truncated,
)


class Statements(NamedTuple):
    """The SQL that writes a batch from its temporary table, in this order. The first and third take the source."""

    overtaken: str
    advance: str
    begin: str
    totals: str
    rows: str
    counted: str


_COLUMNS: Final = (
    "key_id, name, mark_id, allowed, throttled, old_allowed, old_throttled, waits, added_allowed, added_throttled,"
    " minute, hour, hour_at, held, used_0_at, used_1_at, first_0_at, first_1_at, new_hour_at, new_held"
)
_TABLE: Final = f"CREATE TEMP TABLE IF NOT EXISTS usage_changes ({_COLUMNS})"
_ADD: Final = "allowed = allowed + excluded.allowed, throttled = throttled + excluded.throttled"
_OVERTAKEN: Final = """
DELETE FROM temp.usage_changes WHERE CASE WHEN mark_id IS NULL
    THEN EXISTS (SELECT 1 FROM apikeys_usagemark m WHERE m.key_id = usage_changes.key_id AND m.source_id = %s)
    ELSE NOT EXISTS (SELECT 1 FROM apikeys_usagemark m WHERE m.id = mark_id
        AND m.allowed = old_allowed AND m.throttled = old_throttled) END
"""
_ADVANCE: Final = """
UPDATE apikeys_usagemark SET allowed = c.allowed, throttled = c.throttled, used_0_at = c.used_0_at,
    used_1_at = c.used_1_at, first_0_at = c.first_0_at, first_1_at = c.first_1_at, hour_at = c.new_hour_at,
    hour_allowed = c.new_held
FROM temp.usage_changes c WHERE apikeys_usagemark.id = c.mark_id
"""
_BEGIN: Final = """
INSERT INTO apikeys_usagemark (key_id, source_id, allowed, throttled, used_0_at, used_1_at, first_0_at, first_1_at,
    hour_at, hour_allowed)
SELECT key_id, %s, allowed, throttled, used_0_at, used_1_at, first_0_at, first_1_at, new_hour_at, new_held
FROM temp.usage_changes WHERE mark_id IS NULL
"""
_ROWS: Final = f"""
SELECT * FROM ({minute_rows("temp.usage_changes")}) UNION ALL SELECT * FROM ({rolled_rows(SQL, "temp.usage_changes")})
"""
# Before the rows: afterwards, no one can see which of them are new.
_TOTALS: Final = f"""
INSERT INTO apikeys_usagetotal (step, start, allowed, throttled, keys)
SELECT step, start, SUM(allowed), SUM(throttled), SUM(keys) FROM (
    SELECT * FROM ({total_rows(SQL, "temp.usage_changes")})
    UNION ALL SELECT step, start, 0, 0, 1 FROM ({_ROWS}) r WHERE NOT EXISTS (
        SELECT 1 FROM apikeys_usage u WHERE u.key_id = r.key_id AND u.step = r.step AND u.start = r.start
    )
) WHERE true GROUP BY step, start
ON CONFLICT (step, start) DO UPDATE SET {_ADD}, keys = keys + excluded.keys
"""
_ADD_ROWS: Final = f"""
INSERT INTO apikeys_usage (key_id, step, start, allowed, throttled) SELECT * FROM ({_ROWS}) WHERE true
ON CONFLICT (key_id, step, start) DO UPDATE SET {_ADD}
"""


_STATEMENTS: Final = Statements(
    _OVERTAKEN,
    _ADVANCE,
    _BEGIN,
    _TOTALS,
    _ADD_ROWS,
    counted="SELECT COUNT(*) FROM temp.usage_changes WHERE added_allowed + added_throttled > 0",
)


def write(counted: Counted) -> Written:
    """Write the batch. Other writers wait for the second part only, and for none if nothing has changed."""
    with connection.cursor() as cursor:
        below, found = _compare(cursor, counted)
        return write_changes(cursor, counted.source, _STATEMENTS, below) if found else Written(below=below)


def write_changes(cursor: Any, source: int, statements: Statements, below: tuple[str, ...]) -> Written:
    """Write what the temporary table holds, in one transaction. `below` are the names that have to wait."""
    with transaction.atomic():
        began = monotonic()
        cursor.execute(statements.overtaken, [source])
        overtaken = cursor.rowcount
        cursor.execute(statements.advance)
        cursor.execute(statements.begin, [source])
        cursor.execute(statements.totals)
        cursor.execute(statements.rows)
    locked_seconds = monotonic() - began
    cursor.execute(statements.counted)
    return Written(cursor.fetchone()[0], overtaken, locked_seconds, below)


def _compare(cursor: Any, counted: Counted) -> tuple[tuple[str, ...], int]:
    """Fill the temporary table. Return the key IDs that have to wait, and the number of the others."""
    cursor.execute(_TABLE)
    cursor.execute("DELETE FROM temp.usage_changes")
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(counted.records))
    compare = f"""
        INSERT INTO temp.usage_changes
        WITH given(name, allowed, throttled, used_0, used_1) AS (VALUES {values}),
            setting(confirmed, rolls_back) AS (VALUES (%s, %s)), {changes(SQL)}
        SELECT {_COLUMNS} FROM changes
    """
    given = [
        value
        for name, record in counted.records.items()
        for value in (name, record.allowed, record.throttled, _time(record.used_ns_0), _time(record.used_ns_1))
    ]
    cursor.execute(compare, [*given, counted.confirmed, counted.rolls_back, counted.source])
    found = cursor.rowcount
    cursor.execute("DELETE FROM temp.usage_changes WHERE waits RETURNING name")
    below = tuple(name for (name,) in cursor.fetchall())
    return below, found - len(below)


def _time(nanoseconds: int) -> str | None:
    return str(from_ns(nanoseconds).replace(tzinfo=None)) if nanoseconds else None
