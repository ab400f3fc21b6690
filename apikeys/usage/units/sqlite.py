"""Batch of usage by unit on SQLite: the comparison fills a temporary table without a lock, and a short transaction
writes.
"""

from typing import Any, Final

from django.db import connection

from apikeys.usage.batch.counted import Written
from apikeys.usage.batch.sqlite import SQL, Statements, write_changes
from apikeys.usage.units.changes import MAX_ROW, changes, unit_rows
from apikeys.usage.units.counted import CountedUnits, counter_names
from latchkey.timestamps import from_ns
from ratelimit.limit import NS_PER_SECOND

_COLUMNS: Final = (
    "key_id, name, unit, place, mark_id, charged, returned, old_charged, old_returned, waits, added_charged,"
    " added_returned, minute"
)
_TABLE: Final = f"CREATE TEMP TABLE IF NOT EXISTS unit_changes ({_COLUMNS})"
_OVERTAKEN: Final = """
DELETE FROM temp.unit_changes WHERE CASE WHEN mark_id IS NULL
    THEN EXISTS (SELECT 1 FROM apikeys_unitmark m WHERE m.key_id = unit_changes.key_id AND m.unit = unit_changes.unit
        AND m.place = unit_changes.place AND m.source_id = %s)
    ELSE NOT EXISTS (SELECT 1 FROM apikeys_unitmark m WHERE m.id = mark_id
        AND m.charged = old_charged AND m.returned = old_returned) END
"""
_ADVANCE: Final = """
UPDATE apikeys_unitmark SET charged = c.charged, returned = c.returned
FROM temp.unit_changes c WHERE apikeys_unitmark.id = c.mark_id
"""
_BEGIN: Final = """
INSERT INTO apikeys_unitmark (key_id, source_id, unit, place, charged, returned)
SELECT key_id, %s, unit, place, charged, returned FROM temp.unit_changes WHERE mark_id IS NULL
"""
_ROWS: Final = unit_rows(SQL, "temp.unit_changes")
# Before the rows: afterwards, no one can see which of them are new.
_TOTALS: Final = f"""
INSERT INTO apikeys_usagetotal (step, start, allowed, throttled, keys, unit_rows)
SELECT step, start, 0, 0, 0, COUNT(*) FROM ({_ROWS}) r WHERE NOT EXISTS (
    SELECT 1 FROM apikeys_unitusage u
    WHERE u.key_id = r.key_id AND u.step = r.step AND u.start = r.start AND u.unit = r.unit
) GROUP BY step, start
ON CONFLICT (step, start) DO UPDATE SET unit_rows = unit_rows + excluded.unit_rows
"""
_ADD_ROWS: Final = f"""
INSERT INTO apikeys_unitusage (key_id, step, start, unit, charged, returned) SELECT * FROM ({_ROWS}) WHERE true
ON CONFLICT (key_id, step, start, unit) DO UPDATE SET
    charged = MIN(charged, {MAX_ROW} - excluded.charged) + excluded.charged,
    returned = MIN(returned, {MAX_ROW} - excluded.returned) + excluded.returned
"""


_STATEMENTS: Final = Statements(
    _OVERTAKEN,
    _ADVANCE,
    _BEGIN,
    _TOTALS,
    _ADD_ROWS,
    counted="SELECT COUNT(*) FROM temp.unit_changes WHERE added_charged + added_returned > 0",
)


def write(counted: CountedUnits) -> Written:
    """Write the batch. Other writers wait for the second part only, and for none if nothing has changed."""
    with connection.cursor() as cursor:
        below, found = _compare(cursor, counted)
        return write_changes(cursor, counted.source, _STATEMENTS, below) if found else Written(below=below)


def _compare(cursor: Any, counted: CountedUnits) -> tuple[tuple[str, ...], int]:
    """Fill the temporary table. Return the counters that have to wait, and the number of the other places."""
    cursor.execute(_TABLE)
    cursor.execute("DELETE FROM temp.unit_changes")
    places = list(counted.places())
    if not places:
        return (), 0
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(places))
    compare = f"""
        INSERT INTO temp.unit_changes
        WITH given(name, unit, place, charged, returned, used_at) AS (VALUES {values}),
            setting(confirmed, rolls_back) AS (VALUES (%s, %s)), {changes(SQL)}
        SELECT {_COLUMNS} FROM changes
    """
    given = [value for *place, at_s in places for value in (*place, _time(at_s))]
    cursor.execute(compare, [*given, counted.confirmed, counted.rolls_back, counted.source])
    found = cursor.rowcount
    cursor.execute("DELETE FROM temp.unit_changes WHERE waits RETURNING name, unit")
    waiting = cursor.fetchall()
    return counter_names(waiting), found - len(waiting)


def _time(at_s: int) -> str:
    return str(from_ns(at_s * NS_PER_SECOND).replace(tzinfo=None))
