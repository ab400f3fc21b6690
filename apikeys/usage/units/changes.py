"""SQL of a batch of usage by unit, the same for both databases."""

from typing import Final

from apikeys.usage.batch.changes import Dialect, added
from ratelimit.unit_counters import TOTALS

MAX_ROW: Final = (1 << 63) - 1
"""The most that a row says. Beyond it, PostgreSQL would write nothing of a batch, and SQLite fractions."""


def changes(sql: Dialect) -> str:
    """Return the common table expression `changes` of those places in `given` whose totals differ from their mark.

    `given` has the columns name, unit, place, charged, returned, used_at: a key ID, its unit, and one place of its
    counter. The rest is as in `apikeys.usage.batch.changes.changes`.
    """
    return f"""
named AS (
    SELECT g.*, (SELECT k.id FROM apikeys_apikey k WHERE k.key_id = g.name) AS key_id FROM given g
), known AS (
    SELECT g.*, m.id AS mark_id, s.confirmed, s.rolls_back,
        COALESCE(m.charged, 0) AS old_charged, COALESCE(m.returned, 0) AS old_returned
    FROM named g CROSS JOIN setting s LEFT JOIN apikeys_unitmark m
        ON m.key_id = g.key_id AND m.unit = g.unit AND m.place = g.place AND m.source_id + 0 = %s
    WHERE g.key_id IS NOT NULL
        AND (g.charged <> COALESCE(m.charged, 0) OR g.returned <> COALESCE(m.returned, 0))
), ahead AS (
    SELECT known.*, {_ahead("charged")} AS ahead_charged, {_ahead("returned")} AS ahead_returned FROM known
), compared AS (
    SELECT ahead.*, ahead_charged < 0 OR ahead_returned < 0 AS below FROM ahead
), changes AS (
    SELECT key_id, name, unit, place, mark_id, charged, returned, old_charged, old_returned,
        below AND NOT confirmed AS waits, {added(sql, "charged", "ahead_charged")} AS added_charged,
        {added(sql, "returned", "ahead_returned")} AS added_returned, {sql.truncated("minute", "used_at")} AS minute
    FROM compared
)"""


def _ahead(total: str) -> str:
    """Return by how much a total is ahead of its mark, from -TOTALS / 2 to less than TOTALS / 2."""
    return f"(({total} - old_{total} + {TOTALS // 2}) & {TOTALS - 1}) - {TOTALS // 2}"


def unit_rows(sql: Dialect, source: str) -> str:
    """Return the query of what a batch adds to the rows of all steps, from `source`, a relation like `changes`."""
    # Several places of a counter can be of the same hour.
    return f"""
        SELECT key_id, step, start, unit, SUM(charged) AS charged, SUM(returned) AS returned FROM (
            SELECT key_id, 'minute' AS step, minute AS start, unit, added_charged AS charged, added_returned AS returned
            FROM {source}
            UNION ALL SELECT key_id, 'hour', {sql.truncated("hour", "minute")}, unit, added_charged, added_returned
            FROM {source}
            UNION ALL SELECT key_id, 'day', {sql.truncated("day", "minute")}, unit, added_charged, added_returned
            FROM {source}
        ) parts WHERE charged + returned > 0 GROUP BY key_id, step, start, unit
    """
