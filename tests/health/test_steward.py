from datetime import UTC, datetime, timedelta

import pytest

from apikeys.config_service import IssuedKey
from apikeys.models import UsageMinute
from health.models import Lease, release_lease, take_lease
from health.steward import LEASE, LEASE_DURATION, Steward
from ratelimit.stores import BucketStoreError, MemoryStore

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_one_holder_at_a_time() -> None:
    assert take_lease("x", "a", now=NOW, duration=MINUTE)
    assert not take_lease("x", "b", now=NOW, duration=MINUTE)
    assert take_lease("x", "a", now=NOW + MINUTE / 2, duration=MINUTE)
    assert not take_lease("x", "b", now=NOW + MINUTE, duration=MINUTE)
    assert take_lease("x", "b", now=NOW + 1.5 * MINUTE, duration=MINUTE)
    assert not take_lease("x", "a", now=NOW + 1.5 * MINUTE, duration=MINUTE)
    assert take_lease("y", "a", now=NOW, duration=MINUTE)


def test_a_lease_given_back_is_free_and_only_its_holder_gives_it() -> None:
    take_lease("x", "a", now=NOW, duration=MINUTE)
    release_lease("x", "b")
    assert not take_lease("x", "b", now=NOW, duration=MINUTE)
    release_lease("x", "a")
    assert take_lease("x", "b", now=NOW, duration=MINUTE)


def test_of_two_stewards_one_works(root: IssuedKey) -> None:
    store = MemoryStore()
    now = [NOW]
    one, two = Steward(store, now=lambda: now[0]), Steward(store, now=lambda: now[0])
    store.take(root.key.key_id.encode(), None)
    assert [one.turn(), two.turn()] == [True, False]
    assert UsageMinute.objects.get().allowed == 1
    store.take(root.key.key_id.encode(), None)
    now[0] += LEASE_DURATION
    assert [two.turn(), one.turn()] == [True, False]
    assert sum(row.allowed for row in UsageMinute.objects.all()) == 2
    two.resign()
    assert not Lease.objects.filter(name=LEASE).exists()


def test_a_turn_that_fails_is_tried_again(root: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    store.take(root.key.key_id.encode(), None)
    steward = Steward(store, now=lambda: NOW)

    def fail() -> None:
        raise BucketStoreError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(store, "generation", fail)
        assert steward.turn()
    assert steward.turn()
    assert UsageMinute.objects.get().allowed == 1
