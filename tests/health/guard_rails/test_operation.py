"""Guard rails about Latchkey itself: bucket store, event log and steward."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from events.models import Patrol
from health.guard_rails import BY_NAME
from health.models import StoreOutage
from health.scheduler.lease import release_lease, take_lease
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError, LmdbStore
from tests.health.guard_rails.findings import DAY, NOW, SECOND, count_violations

pytestmark = pytest.mark.django_db
MINUTES_15 = timedelta(minutes=15)
STARTED_AT = "LATCHKEY_STARTED_AT"
WAIT = timedelta(seconds=15)


def _never_started(_now: datetime) -> None:
    """Do nothing: no steward ever ran."""


def _killed(now: datetime) -> None:
    take_lease("steward", "a", now=now - DAY, duration=DAY)


def _resigned(now: datetime) -> None:
    take_lease("steward", "a", now=now - DAY, duration=10 * DAY)
    release_lease("steward", "a", now=now)


def test_bucket_store(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_violations("bucket_store") == 0

    def fail(*_: object) -> None:
        raise BucketStoreError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(default_limiter().store, "ping", fail)
        assert count_violations("bucket_store") == 1
    for number, seconds in enumerate((0, 14, 16)):
        seen_at = timezone.now() - timedelta(seconds=seconds)
        StoreOutage.objects.create(node=f"{number}", host="web", since=NOW, seen_at=seen_at)
    assert count_violations("bucket_store") == 2, "that of the node that said nothing for 16 seconds has lapsed"


def test_rebuilt_bucket_store_is_reported_for_15_minutes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert count_violations("rebuilt_bucket_store") == 0
    store = LmdbStore(tmp_path / "b")
    monkeypatch.setattr(default_limiter(), "store", store)
    now = timezone.now()
    assert count_violations("rebuilt_bucket_store", now) == 0, "a new file is nothing to report"
    store.close()
    (tmp_path / "b" / "data.mdb").write_bytes(b"garbage" * 1000)
    finding = BY_NAME["rebuilt_bucket_store"].find(now)
    assert finding
    assert finding.at
    assert "not an LMDB data file" in finding.detail
    assert count_violations("rebuilt_bucket_store", finding.at + MINUTES_15) == 1
    assert count_violations("rebuilt_bucket_store", finding.at + MINUTES_15 + SECOND) == 0
    store.close()


def test_event_log() -> None:
    patrol = Patrol.objects.create(id=1, finished_at=NOW)
    assert count_violations("broken_event_log") == 0
    patrol.broken_at, patrol.reason = 7, "event 7 is missing"
    patrol.save()
    finding = BY_NAME["broken_event_log"].find(NOW)
    assert finding
    assert finding.detail == "The event log is broken at event 7: event 7 is missing."


@pytest.mark.parametrize("before", [_never_started, _killed, _resigned])
def test_steward_is_missed_after_15_seconds(
    before: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = NOW if before is _never_started else NOW - 5 * DAY
    monkeypatch.setenv(STARTED_AT, str(started.timestamp()))
    before(NOW)
    assert count_violations("absent_steward", NOW + WAIT - SECOND) == 0
    assert count_violations("absent_steward", NOW + WAIT) == 1
    take_lease("steward", "b", now=NOW + WAIT, duration=WAIT)
    assert count_violations("absent_steward", NOW + WAIT) == 0


def test_steward_is_not_missed_before_first_start() -> None:
    assert count_violations("absent_steward") == 0
