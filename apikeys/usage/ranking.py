"""Usage ranking: the keys and owners with the most allowed and the most throttled requests of today (UTC).

Ranking a million keys takes seconds, which is too long for a page, so the steward does it and stores the result.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final, Literal

from django.db import connection

from apikeys.models import APIKey, UsageRanking, UsageStep
from apikeys.usage.steps import step_start

MAX_ENTRIES: Final = 8
# Up to this many keys are ranked for a page if the stored ranking is old.
ALWAYS_RANKED: Final = 20_000
OLD_AFTER: Final = timedelta(minutes=5)

_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=1)
_PAUSE_FACTOR: Final = 20

# Allowed requests of the current hour are in the marks, not in the row of the day: see `apikeys.models.Usage`.
_SUMS: Final = """
    SELECT key_id, SUM(allowed) AS allowed, SUM(throttled) AS throttled FROM (
        SELECT key_id, allowed, throttled FROM apikeys_usage WHERE step = 'day' AND "start" = %s
        UNION ALL
        SELECT key_id, hour_allowed, 0 FROM apikeys_usagemark WHERE hour_at >= %s AND hour_at < %s AND hour_allowed > 0
    ) AS parts GROUP BY key_id
"""

Measure = Literal["allowed", "throttled"]
_MEASURES: Final[tuple[Measure, ...]] = ("allowed", "throttled")
Entries = list[dict[str, Any]]


def rank_usage(
    now: datetime, elapsed: Callable[[], float] = perf_counter, between: Callable[[], object] = lambda: None
) -> UsageRanking:
    """Return the ranking of the day that contains `now`, without storing it. Call `between` before each query.

    `entries` maps "keys" and "owners" to "allowed" and "throttled", and these to up to MAX_ENTRIES entries, the most
    requests first: `{name, allowed, throttled}`, for keys with `key_id`. A key without an owner belongs to none.
    """
    started = elapsed()
    entries: dict[str, dict[str, Entries]] = {"keys": {}, "owners": {}}
    for measure in _MEASURES:
        between()
        entries["keys"][measure] = _keys(now, measure)
        between()
        entries["owners"][measure] = _owners(now, measure)
    return UsageRanking(ranked_at=now, seconds=elapsed() - started, entries=entries)


def rank_usage_if_due(now: datetime, between: Callable[[], object] = lambda: None) -> bool:
    """Rank and store the result if it is time. Return whether it was. Call `between` before each query.

    That is every minute, or less often if it takes long: 1/20 of the time, but at least once an hour.
    """
    last = UsageRanking.objects.filter(id=1).first()
    if last is not None:
        pause = min(max(timedelta(seconds=last.seconds) * _PAUSE_FACTOR, _SHORTEST), _LONGEST)
        # A time ahead was written by a wrong clock.
        if _is_of_day(last, now) and timedelta(0) <= now - last.ranked_at < pause:
            return False
    ranked = rank_usage(now, between=between)
    values = {"ranked_at": ranked.ranked_at, "seconds": ranked.seconds, "entries": ranked.entries}
    UsageRanking.objects.update_or_create(id=1, defaults=values)
    return True


def latest_ranking(now: datetime, keys: int) -> UsageRanking | None:
    """Return the stored ranking, or None if there is none. `keys` is the number of keys.

    If it is old and there are few keys, return a new one.
    """
    last = UsageRanking.objects.filter(id=1).first()
    fresh = last is not None and _is_of_day(last, now) and abs(now - last.ranked_at) < OLD_AFTER
    return last if fresh or keys > ALWAYS_RANKED else rank_usage(now)


def _is_of_day(ranking: UsageRanking, now: datetime) -> bool:
    return step_start(UsageStep.DAY, ranking.ranked_at) == step_start(UsageStep.DAY, now)


def _keys(now: datetime, measure: Measure) -> Entries:
    top = _query(f"SELECT * FROM ({_SUMS}) AS sums WHERE {measure} > 0 ORDER BY {measure} DESC, key_id", now)  # noqa: S608
    # Read afterwards, because a join would read every key of the day.
    known = APIKey.objects.in_bulk([key for key, _, _ in top])
    return [
        {"key_id": known[key].key_id, "name": known[key].label, "allowed": int(allowed), "throttled": int(throttled)}
        for key, allowed, throttled in top
        if key in known
    ]


def _owners(now: datetime, measure: Measure) -> Entries:
    # The sums are of all keys of the owner, also of those that don't count for `measure`.
    top = _query(
        f"""
        SELECT owner, SUM(allowed), SUM(throttled) FROM ({_SUMS}) AS sums
        JOIN apikeys_apikey ON apikeys_apikey.id = sums.key_id WHERE owner <> ''
        GROUP BY owner HAVING SUM({measure}) > 0 ORDER BY SUM({measure}) DESC, owner
        """,  # noqa: S608 - `measure` is one of two words
        now,
    )
    return [{"name": name, "allowed": int(allowed), "throttled": int(throttled)} for name, allowed, throttled in top]


def _query(sql: str, now: datetime) -> list[tuple[Any, ...]]:
    """Return the first MAX_ENTRIES rows of a statement about `_SUMS`, on the day that contains `now`."""
    begin = step_start(UsageStep.DAY, now)
    times = [connection.ops.adapt_datetimefield_value(time) for time in (begin, begin, begin + timedelta(days=1))]
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} LIMIT {MAX_ENTRIES}", times)
        return list(cursor.fetchall())
