"""Helpers for the tests of guard rails: a well configured key, and what a guard rail finds."""

from datetime import UTC, datetime, timedelta

from health.guard_rails import BY_NAME

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
WELL_CONFIGURED = {
    "label": "x",
    "expires_at": (NOW + 100 * DAY).isoformat(),
    "rate_limit": {"burst": 5, "per_seconds": 60},
}


def count_violations(name: str, now: datetime = NOW) -> int:
    """Return how many violations the guard rail finds."""
    finding = BY_NAME[name].find(now)
    return finding.count if finding else 0
