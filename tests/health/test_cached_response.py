"""Status that a process returns to probes, updated in the background."""

import asyncio
from collections.abc import Callable

import pytest
from django.db import DatabaseError

from apikeys.cache.key_cache import default_key_cache
from health import cached_response as module
from health import local_health
from health.cached_response import CurrentHealth
from health.local_health import Status, status_now

Check = Callable[[], Status]


def statuses_of(results: list[Status | Exception], monkeypatch: pytest.MonkeyPatch) -> list[Status | None]:
    """Return the status before each check, and after the last."""
    current, seen = CurrentHealth(), []

    def check() -> Status:
        seen.append(current.status)
        found = results.pop(0) if results else None
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise asyncio.CancelledError
        return found

    monkeypatch.setattr(module, "status_now", check)
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)

    async def refresh_forever() -> None:
        with pytest.raises(asyncio.CancelledError):
            await current.refresh_forever()

    asyncio.run(refresh_forever())
    return seen


def test_status_is_that_of_last_check(monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[Status | Exception] = [Status.OK, Status.DEGRADED, Status.DOWN, Status.OK]
    assert statuses_of([*results], monkeypatch) == [None, *results]


def test_failed_or_late_check_counts_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[Status | Exception] = [
        Status.OK,
        TimeoutError("no response"),
        Status.OK,
        ValueError("a fault of ours"),
        Status.OK,
    ]
    assert statuses_of(results, monkeypatch) == [None, Status.OK, Status.DOWN, Status.OK, Status.DOWN, Status.OK]


def test_known_database_outage_needs_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    current = CurrentHealth()
    current._latest = Status.OK
    seen = [current.status]
    default_key_cache().poller.record_failure("away")
    assert [*seen, current.status] == [Status.OK, Status.DOWN]


def test_slow_health_query_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example if a session locks its tables: known keys still pass, so load balancers may send requests."""

    def locked() -> list[str]:
        raise DatabaseError("cut after 2 s")

    monkeypatch.setattr(local_health, "database_responds", lambda: True)
    monkeypatch.setattr(local_health, "degraded_names", locked)
    assert status_now() is Status.DEGRADED
