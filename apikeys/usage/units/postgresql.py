"""Batch of usage by unit on PostgreSQL: one statement, in one message together with the lock that orders writers."""

from typing import Final

from apikeys.usage.batch.counted import Written
from apikeys.usage.batch.postgresql import LOCK, SQL
from apikeys.usage.units.changes import MAX_ROW, changes, unit_rows
from apikeys.usage.units.counted import CountedUnits, counter_names
from events.batched_sql import Statement, run
from events.lock_timeout import lock_timeout_statements

_BATCH: Final = f"""
WITH given AS (
    SELECT name, unit, place, charged, returned, to_timestamp(at_s::float8) AS used_at
    FROM unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS g(name, unit, place, charged, returned, at_s)
), setting AS MATERIALIZED (
    SELECT %s AS confirmed, %s AS rolls_back, clock_timestamp() AS began_at
), {changes(SQL)}, advanced AS (
    UPDATE apikeys_unitmark m SET charged = c.charged, returned = c.returned FROM changes c
    WHERE m.id = c.mark_id AND NOT c.waits AND m.charged = c.old_charged AND m.returned = c.old_returned
    RETURNING m.key_id, m.unit, m.place
), begun AS (
    INSERT INTO apikeys_unitmark (key_id, source_id, unit, place, charged, returned)
    SELECT key_id, %s, unit, place, charged, returned FROM changes WHERE mark_id IS NULL AND NOT waits
    ON CONFLICT (key_id, unit, place, source_id) DO NOTHING RETURNING key_id, unit, place
), written AS (
    SELECT * FROM changes WHERE (key_id, unit, place) IN (TABLE advanced UNION ALL TABLE begun)
), rows AS (
    INSERT INTO apikeys_unitusage AS stored (key_id, step, start, unit, charged, returned)
    {unit_rows(SQL, "written")}
    ON CONFLICT (key_id, step, start, unit) DO UPDATE SET
        charged = LEAST(stored.charged, {MAX_ROW} - excluded.charged) + excluded.charged,
        returned = LEAST(stored.returned, {MAX_ROW} - excluded.returned) + excluded.returned
    RETURNING step, start, xmax = 0 AS is_new
), totals AS (
    INSERT INTO apikeys_usagetotal AS stored (step, start, allowed, throttled, keys, unit_rows)
    SELECT step, start, 0, 0, 0, COUNT(*) FROM rows WHERE is_new GROUP BY step, start ORDER BY step, start
    ON CONFLICT (step, start) DO UPDATE SET unit_rows = stored.unit_rows + excluded.unit_rows
)
SELECT (SELECT COUNT(*) FROM written WHERE added_charged + added_returned > 0),
    (SELECT COUNT(*) FROM changes WHERE NOT waits) - (SELECT COUNT(*) FROM written),
    ARRAY(SELECT ARRAY[name, unit] FROM changes WHERE waits),
    EXTRACT(EPOCH FROM clock_timestamp() - (SELECT began_at FROM setting))
"""


def write(counted: CountedUnits) -> Written:
    """Write the batch. Without an open transaction, the message is one: no lock outlives it."""
    ((used, overtaken, below, locked_seconds),) = run([*lock_timeout_statements(), LOCK, _statement(counted)])[-1]
    return Written(used, overtaken, float(locked_seconds), counter_names(below))


def _statement(counted: CountedUnits) -> Statement:
    columns = [list(column) for column in zip(*counted.places(), strict=True)] or [[]] * 6
    return Statement(_BATCH, (*columns, counted.confirmed, counted.rolls_back, *[counted.source] * 2), list)
