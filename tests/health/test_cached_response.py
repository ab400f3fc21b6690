"""The status that a process answers probes with, as it is kept current in the background."""

import asyncio
from collections.abc import Callable

import pytest
from django.db import DatabaseError

from apikeys.cache.key_cache import default_key_cache
from health import cached_response as module
from health import local_health
from health.cached_response import CurrentHealth
from health.local_health import Status, status_now

Look = Callable[[], Status]


def seen_by(looks: list[Status | Exception], monkeypatch: pytest.MonkeyPatch) -> list[Status | None]:
    """What the status is before each look, and after the last."""
    current, seen = CurrentHealth(), []

    def look() -> Status:
        seen.append(current.status)
        found = looks.pop(0) if looks else None
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise asyncio.CancelledError
        return found

    monkeypatch.setattr(module, "status_now", look)
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)

    async def keep() -> None:
        with pytest.raises(asyncio.CancelledError):
            await current.keep()

    asyncio.run(keep())
    return seen


def test_it_is_what_the_last_look_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Status | Exception] = [Status.OK, Status.DEGRADED, Status.DOWN, Status.OK]
    assert seen_by([*looks], monkeypatch) == [None, *looks]


def test_a_look_that_fails_or_misses_its_deadline_counts_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Status | Exception] = [
        Status.OK,
        TimeoutError("no answer"),
        Status.OK,
        ValueError("a fault of ours"),
        Status.OK,
    ]
    assert seen_by(looks, monkeypatch) == [None, Status.OK, Status.DOWN, Status.OK, Status.DOWN, Status.OK]


def test_a_database_that_is_known_to_be_down_needs_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    current = CurrentHealth()
    current._seen = Status.OK
    seen = [current.status]
    default_key_cache().refresher.note_failure("away")
    assert [*seen, current.status] == [Status.OK, Status.DOWN]


def test_a_database_that_answers_but_not_about_health_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while somebody holds a lock on its tables: known keys pass, so traffic is to be sent here."""

    def locked() -> list[str]:
        raise DatabaseError("cut after 2 s")

    monkeypatch.setattr(local_health, "database_answers", lambda: True)
    monkeypatch.setattr(local_health, "degraded_names", locked)
    assert status_now() is Status.DEGRADED
