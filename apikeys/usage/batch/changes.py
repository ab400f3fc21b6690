"""SQL of a batch, the same for both databases: what changes about each key, and which rows that adds to."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Expressions that the databases write differently. `latest` ignores NULL, `truncated` takes a step."""

    latest: Callable[[str, str], str]
    larger: Callable[[str, str], str]
    truncated: Callable[[str, str], str]


def changes(sql: Dialect) -> str:
    """Return the common table expression `changes` of those keys in `given` whose counters differ from their mark.

    `given` has the columns name, allowed, throttled, used_0, used_1: a key ID, its counters, and when its slots were
    used. `setting` has one row: confirmed, rolls_back. The parameter is the source. `changes` has the new columns of
    the mark, what is `added` to the minute, and `held`, the requests of `hour_at` that only the mark contains so far.
    `waits` means that nothing may be written: a counter is below the mark, and that isn't confirmed.
    """
    # The expressions are in layers, each with names for the next one. Keys and secrets are looked up in subqueries: for
    # a join, PostgreSQL may read the whole table instead of its index. And a key has few marks, but a source has those
    # of all keys: `+ 0` keeps PostgreSQL from the index by source, which it prefers if the source is newer than its
    # statistics.
    return f"""
named AS (
    SELECT g.*, (SELECT k.id FROM apikeys_apikey k WHERE k.key_id = g.name) AS key_id FROM given g
), known AS (
    SELECT g.*, m.id AS mark_id, s.confirmed, s.rolls_back,
        COALESCE(m.allowed, 0) AS old_allowed, COALESCE(m.throttled, 0) AS old_throttled,
        m.used_0_at, m.used_1_at, m.first_0_at, m.first_1_at, m.hour_at, COALESCE(m.hour_allowed, 0) AS held
    FROM named g CROSS JOIN setting s LEFT JOIN apikeys_usagemark m ON m.key_id = g.key_id AND m.source_id + 0 = %s
    WHERE g.key_id IS NOT NULL
        AND (g.allowed <> COALESCE(m.allowed, 0) OR g.throttled <> COALESCE(m.throttled, 0))
), compared AS (
    SELECT known.*, allowed < old_allowed OR throttled < old_throttled AS below,
        {sql.latest("used_0", "used_1")} AS used_at,
        {_created("used_0", 0)} AS created_0, {_created("used_1", 1)} AS created_1
    FROM known
), counted AS (
    SELECT compared.*, below AND NOT confirmed AS waits,
        {added(sql, "allowed", "allowed - old_allowed")} AS added_allowed,
        {added(sql, "throttled", "throttled - old_throttled")} AS added_throttled,
        {sql.truncated("minute", "used_at")} AS minute, {sql.truncated("hour", "used_at")} AS hour
    FROM compared
), changes AS (
    SELECT key_id, name, mark_id, allowed, throttled, old_allowed, old_throttled, waits,
        added_allowed, added_throttled, minute, hour, hour_at, held,
        {sql.latest("used_0_at", "used_0")} AS used_0_at, {sql.latest("used_1_at", "used_1")} AS used_1_at,
        {_first(0)} AS first_0_at, {_first(1)} AS first_1_at,
        CASE WHEN added_allowed + added_throttled = 0 THEN hour_at ELSE hour END AS new_hour_at,
        CASE WHEN added_allowed + added_throttled = 0 THEN held WHEN added_throttled > 0 THEN 0
            WHEN hour_at = hour THEN held + added_allowed ELSE added_allowed END AS new_held
    FROM counted
)"""


def rolled_rows(sql: Dialect, source: str) -> str:
    """Return the query of what a batch adds to the rows of hours and days, from `source`, a relation like `changes`.

    A key's requests stay in its mark until it is used in another hour. Throttled ones don't, so that keys which are
    throttled are found by an index: see `usage_throttled`.
    """
    left = f"SELECT key_id, hour_at, held, 0 FROM {source} WHERE held > 0 AND hour_at <> new_hour_at"
    shown = f"""
        SELECT key_id, hour, added_allowed + CASE WHEN hour_at = hour THEN held ELSE 0 END, added_throttled
        FROM {source} WHERE added_throttled > 0
    """
    # A key can leave an hour and be throttled in the next one of the same day.
    return f"""
        WITH rolled(key_id, hour, allowed, throttled) AS ({left} UNION ALL {shown})
        SELECT key_id, 'hour' AS step, hour AS start, allowed, throttled FROM rolled
        UNION ALL
        SELECT key_id, 'day', {sql.truncated("day", "MIN(hour)")}, SUM(allowed), SUM(throttled) FROM rolled
        GROUP BY key_id, {sql.truncated("day", "hour")}
    """


def minute_rows(source: str) -> str:
    """Return the query of what a batch adds to the rows of minutes, from `source`, a relation like `changes`."""
    return f"""
        SELECT key_id, 'minute' AS step, minute AS start, added_allowed AS allowed, added_throttled AS throttled
        FROM {source} WHERE added_allowed + added_throttled > 0
    """


def total_rows(sql: Dialect, source: str) -> str:
    """Return the query of what a batch adds to the totals of all steps, from `source`, a relation like `changes`."""
    # All rows of a batch are of one minute or of a few, so the steps are added up from those.
    return f"""
        WITH by_minute AS (
            SELECT minute, SUM(added_allowed) AS allowed, SUM(added_throttled) AS throttled
            FROM {source} WHERE added_allowed + added_throttled > 0 GROUP BY minute
        )
        SELECT 'minute' AS step, minute AS start, allowed, throttled, 0 AS keys FROM by_minute
        UNION ALL SELECT 'hour', {sql.truncated("hour", "minute")}, allowed, throttled, 0 FROM by_minute
        UNION ALL SELECT 'day', {sql.truncated("day", "minute")}, allowed, throttled, 0 FROM by_minute
    """


def _created(used: str, slot: int) -> str:
    """Return when the secret in the slot was created. Most keys use one slot, so the other isn't looked up."""
    found = f"SELECT s.created_at FROM apikeys_keysecret s WHERE s.key_id = known.key_id AND s.slot = {slot}"
    return f"CASE WHEN {used} IS NOT NULL THEN ({found}) END"


def added(sql: Dialect, counter: str, ahead: str) -> str:
    """Return what of `counter` is not in the database yet. `ahead` is by how much it is ahead of its mark."""
    # If the store went back, for example to a replica that lags behind, requests that it has deleted may be missing.
    # But none is counted twice. In any other store, the record was lost and has started again.
    return f"CASE WHEN NOT below THEN {ahead} WHEN rolls_back THEN {sql.larger(ahead, '0')} ELSE {counter} END"


def _first(slot: int) -> str:
    """Return the first use of the secret that is in the slot now. Earlier uses were those of another one."""
    first, used, created = f"first_{slot}_at", f"used_{slot}", f"created_{slot}"
    # If the slot wasn't used in this store, there is nothing to compare with, and nothing has changed.
    return f"""CASE WHEN {used} IS NULL OR {first} >= {created} THEN {first}
            WHEN {used} >= {created} THEN {used} END"""
