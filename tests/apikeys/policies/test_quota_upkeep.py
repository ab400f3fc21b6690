"""The background worker's part in quotas: a store that went back, and what is used up."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from apikeys.models import Owner, QuotaUse
from apikeys.policies.quota_rows import write_uses
from apikeys.policies.quota_upkeep import append_quota_events, lift_store
from events.models import Event
from ratelimit.claim import QuotaUse as Use
from ratelimit.limiter import Limiter
from tests.apikeys.policies.conftest import ORIGIN
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

KEY = "lk_000000000001"
COUNTER = f"k:{KEY}:month".encode()


@pytest.fixture
def now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.seconds(), UTC)


@pytest.fixture
def known(now: datetime) -> Use:
    return Use(COUNTER, 7, int(now.timestamp()) + 3600, 500, 2)


def write(use: Use, at: datetime, quota: int = 1000) -> None:
    write_uses([use], {use.counter: quota}, at)


@pytest.mark.parametrize(
    ("changes", "is_lifted"),
    [
        ({"used": 400}, True),
        ({"used": 600, "revision": 1}, True),
        ({"used": 600}, False),
        ({"used": 10, "revision": 3}, False),
        ({"definition": 8, "used": 10}, False),
    ],
)
def test_store_is_lifted_to_what_the_database_has(
    limiter: Limiter, known: Use, now: datetime, changes: dict[str, int], is_lifted: bool
) -> None:
    stored = known._replace(**changes)  # type: ignore[arg-type]
    limiter.seed_quotas([stored])
    write(known, now)
    assert lift_store(limiter, now) == is_lifted
    assert limiter.quota_uses([COUNTER]) == [known if is_lifted else stored]
    assert lift_store(limiter, now) == 0


def test_store_in_an_earlier_period_is_lifted(limiter: Limiter, known: Use, now: datetime) -> None:
    limiter.seed_quotas([known._replace(ends_s=int(now.timestamp()) - 5, used=900)])
    write(known, now)
    assert lift_store(limiter, now) == 1
    assert limiter.quota_uses([COUNTER]) == [known]


def test_only_recent_rows_with_an_open_period_are_looked_at(limiter: Limiter, known: Use, now: datetime) -> None:
    limiter.seed_quotas([known._replace(used=1)])
    write(known, now - timedelta(hours=1, seconds=1))
    assert lift_store(limiter, now) == 0
    QuotaUse.objects.all().delete()
    write(known._replace(ends_s=int(now.timestamp())), now)
    assert lift_store(limiter, now) == 0


def test_missing_counter_is_not_made(limiter: Limiter, known: Use, now: datetime) -> None:
    write(known, now)
    assert lift_store(limiter, now) == 0
    assert limiter.quota_uses([COUNTER]) == [None]


def test_quota_is_reported_once_at_80_and_once_at_100_percent(known: Use, now: datetime) -> None:
    reported = []
    for used in (0, 799, 800, 850, 999, 1000, 1200):
        write(known._replace(used=used), now)
        reported.append(append_quota_events(ORIGIN, now))
    assert reported == [0, 0, 1, 0, 0, 1, 0]
    first, second = Event.objects.order_by("id")
    end = datetime.fromtimestamp(known.ends_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (first.type, first.key_id) == ("QuotaReached", KEY)
    assert first.data == {"limit": "month", "percent": 80, "quota": 1000, "used": 800, "period_ends_at": end}
    assert second.data["percent"] == 100


def test_next_period_is_reported_again(known: Use, now: datetime) -> None:
    write(known._replace(used=1000), now)
    assert append_quota_events(ORIGIN, now) == 1
    write(known._replace(used=900, ends_s=known.ends_s + 1), now)
    assert append_quota_events(ORIGIN, now) == 1
    assert [event.data["percent"] for event in Event.objects.order_by("id")] == [100, 80]


def test_owner_is_named(now: datetime, known: Use) -> None:
    owner = Owner.objects.create(name="ACME", slug="acme", number=1, created_at=now)
    write(known._replace(counter=f"o:{owner.pk}:all".encode(), used=999), now)
    append_quota_events(ORIGIN, now)
    event = Event.objects.get()
    assert (event.key_id, event.data["owner"], event.data["limit"]) == ("", "ACME", "all")


def test_old_rows_are_not_reported(known: Use, now: datetime) -> None:
    write(known._replace(used=999), now - timedelta(hours=2))
    assert append_quota_events(ORIGIN, now) == 0


def test_work_stops_when_it_may_not_continue(
    known: Use, now: datetime, limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apikeys.policies.quota_upkeep.BATCH", 1)
    for number in range(3):
        use = known._replace(counter=b"k:lk_%d:m" % number, used=999)
        write(use, now)
        limiter.seed_quotas([use._replace(used=1)])
    assert append_quota_events(ORIGIN, now, lambda: False) == lift_store(limiter, now, lambda: False) == 1
    assert append_quota_events(ORIGIN, now) == lift_store(limiter, now) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_report_waits_for_no_writer(known: Use, now: datetime) -> None:
    """Writers lock rows in another order. If both waited, they could wait for each other."""
    other = known._replace(counter=b"k:lk_000000000002:month")
    for use in (known, other):
        write(use._replace(used=999), now)
    names = connection.get_connection_params()
    with psycopg.connect(**{name: names[name] for name in ("dbname", "user", "host", "port")}) as writer:
        writer.execute("UPDATE apikeys_quotause SET used = 1000 WHERE counter = %s", (COUNTER.decode(),))
        assert append_quota_events(ORIGIN, now) == 1
        writer.commit()
    assert append_quota_events(ORIGIN, now) == 1
    assert [event.data["used"] for event in Event.objects.order_by("id")] == [999, 1000]
