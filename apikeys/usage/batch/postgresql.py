"""Batch of usage on PostgreSQL: one statement, in one message together with the lock that orders writers."""

from typing import Final

from apikeys.usage.batch.changes import Dialect, changes, minute_rows, rolled_rows, total_rows
from apikeys.usage.batch.counted import Counted, Written
from events.batched_sql import Statement, run
from events.lock_timeout import lock_timeout_statements

SQL: Final = Dialect(
    latest=lambda one, other: f"GREATEST({one}, {other})",
    larger=lambda one, other: f"GREATEST({one}, {other})",
    truncated=lambda step, moment: f"date_trunc('{step}', {moment}, 'UTC')",
)
_ADD: Final = "allowed = stored.allowed + excluded.allowed, throttled = stored.throttled + excluded.throttled"
# Writers of batches wait for each other: they would otherwise lock the same rows in different orders. Nothing else
# takes this lock. The number is the ASCII of "usage".
LOCK: Final = Statement(f"SELECT pg_advisory_xact_lock({int.from_bytes(b'usage')})")


def _upsert(rows: str) -> str:
    """Return the statement that adds `rows` to those of usage. `xmax` is 0 in a row that wasn't there before."""
    return f"""
    INSERT INTO apikeys_usage AS stored (key_id, step, start, allowed, throttled) {rows}
    ON CONFLICT (key_id, step, start) DO UPDATE SET {_ADD} RETURNING step, start, xmax = 0 AS is_new"""


_BATCH: Final = f"""
WITH given AS (
    SELECT name, allowed, throttled, to_timestamp(NULLIF(ns_0, 0) / 1e9::float8) AS used_0,
        to_timestamp(NULLIF(ns_1, 0) / 1e9::float8) AS used_1
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS g(name, allowed, throttled, ns_0, ns_1)
), setting AS MATERIALIZED (
    SELECT %s AS confirmed, %s AS rolls_back, clock_timestamp() AS began_at
), {changes(SQL)}, advanced AS (
    UPDATE apikeys_usagemark m SET allowed = c.allowed, throttled = c.throttled, used_0_at = c.used_0_at,
        used_1_at = c.used_1_at, first_0_at = c.first_0_at, first_1_at = c.first_1_at, hour_at = c.new_hour_at,
        hour_allowed = c.new_held
    FROM changes c
    WHERE m.id = c.mark_id AND NOT c.waits AND m.allowed = c.old_allowed AND m.throttled = c.old_throttled
    RETURNING m.key_id
), begun AS (
    INSERT INTO apikeys_usagemark (key_id, source_id, allowed, throttled, used_0_at, used_1_at, first_0_at, first_1_at,
        hour_at, hour_allowed)
    SELECT key_id, %s, allowed, throttled, used_0_at, used_1_at, first_0_at, first_1_at, new_hour_at, new_held
    FROM changes WHERE mark_id IS NULL AND NOT waits
    ON CONFLICT (key_id, source_id) DO NOTHING RETURNING key_id
), written AS (
    SELECT * FROM changes WHERE key_id IN (SELECT key_id FROM advanced UNION ALL SELECT key_id FROM begun)
), minutes AS ({_upsert(minute_rows("written"))}
), rolled AS ({_upsert(rolled_rows(SQL, "written"))}
), totals AS (
    INSERT INTO apikeys_usagetotal AS stored (step, start, allowed, throttled, keys)
    SELECT step, start, SUM(allowed), SUM(throttled), SUM(keys) FROM (
        {total_rows(SQL, "written")}
        UNION ALL SELECT step, start, 0, 0, 1 FROM minutes WHERE is_new
        UNION ALL SELECT step, start, 0, 0, 1 FROM rolled WHERE is_new
    ) rows GROUP BY step, start ORDER BY step, start
    ON CONFLICT (step, start) DO UPDATE SET {_ADD}, keys = stored.keys + excluded.keys
)
SELECT (SELECT COUNT(*) FROM written WHERE added_allowed + added_throttled > 0),
    (SELECT COUNT(*) FROM changes WHERE NOT waits) - (SELECT COUNT(*) FROM written),
    ARRAY(SELECT name FROM changes WHERE waits), EXTRACT(EPOCH FROM clock_timestamp() - (SELECT began_at FROM setting))
"""


def write(counted: Counted) -> Written:
    """Write the batch. Without an open transaction, the message is one: no lock outlives it, even if this process is
    stopped right after it.
    """
    ((used, overtaken, below, locked_seconds),) = run([*lock_timeout_statements(), LOCK, _statement(counted)])[-1]
    return Written(used, overtaken, float(locked_seconds), tuple(below))


def lock() -> None:
    """Keep other writers of batches out until the transaction ends."""
    run([*lock_timeout_statements(), LOCK])


def _statement(counted: Counted) -> Statement:
    records = counted.records.values()
    columns = (
        list(counted.records),
        [record.allowed for record in records],
        [record.throttled for record in records],
        [record.used_ns_0 for record in records],
        [record.used_ns_1 for record in records],
    )
    return Statement(_BATCH, (*columns, counted.confirmed, counted.rolls_back, *[counted.source] * 2), list)
