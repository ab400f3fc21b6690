"""Epochs that the bucket store has not heard of are published again."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from apikeys.cache import epochs
from apikeys.cache.epochs import publish_recent_epochs
from apikeys.config_service import ConfigService, IssuedKey
from events.models import Event
from events.types import EventType
from ratelimit.limiter import default_limiter
from ratelimit.stores import BucketStoreError
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def lose(key: IssuedKey) -> None:
    """The store loses its memory of a key."""
    default_limiter().store.forget(key.key.key_id.encode())


def epoch_of(key: IssuedKey) -> int:
    return default_limiter().epoch(key.key.key_id)


CHANGES = [
    lambda service, key_id: service.update(key_id, {"label": "y"}),
    lambda service, key_id: service.update(key_id, {"rate_limit": None}),
    lambda service, key_id: service.update(key_id, {"enabled": False}),
    lambda service, key_id: service.rotate(key_id),
    lambda service, key_id: service.rotate(key_id, {"grace_seconds": 0}),
    lambda service, key_id: service.revoke(key_id),
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_kind_of_change_is_published_again_once(service: ConfigService, root: IssuedKey, change: object) -> None:
    assert callable(change)
    change(service, root.key.key_id)
    lose(root)
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 1
    assert epoch_of(root) == 2
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 0


def test_finishing_and_enabling_are_published_again(service: ConfigService, root: IssuedKey) -> None:
    service.rotate(root.key.key_id)
    service.finish_rotation(root.key.key_id)
    service.update(root.key.key_id, {"enabled": False})
    service.update(root.key.key_id, {"enabled": True})
    Event.objects.filter(type__in=[EventType.KEY_ROTATED, EventType.KEY_DISABLED]).update(key_id="")
    lose(root)
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 1
    assert epoch_of(root) == 5


def test_a_publication_that_failed_is_mended(
    service: ConfigService, root: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BucketStoreError("away")

    with monkeypatch.context() as away:
        away.setattr(default_limiter().store, "set_epoch", fail)
        service.revoke(root.key.key_id)
        with pytest.raises(BucketStoreError):
            publish_recent_epochs(default_limiter(), timezone.now())
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 1
    assert epoch_of(root) == 2


def test_the_window_reaches_back_as_far_as_records_may_be_used(
    service: ConfigService, root: IssuedKey, settings: Settings
) -> None:
    settings.DIRECTORY_STALE_SECONDS = 60
    service.revoke(root.key.key_id)
    lose(root)
    changed = Event.objects.get(type=EventType.KEY_REVOKED).at
    assert publish_recent_epochs(default_limiter(), changed + timedelta(seconds=90.001)) == 0
    assert publish_recent_epochs(default_limiter(), changed + timedelta(seconds=90)) == 1


def test_a_store_that_knows_more_is_left_alone(service: ConfigService, root: IssuedKey) -> None:
    service.update(root.key.key_id, {"label": "y"})
    default_limiter().publish_epoch(root.key.key_id, 99)
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 0
    assert epoch_of(root) == 99


def test_it_goes_in_batches_and_stops_when_it_is_told_to(
    service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "BATCH", 2)
    keys = [service.issue({"label": "x"}) for _ in range(5)]
    for key in keys:
        service.revoke(key.key.key_id)
        lose(key)
    assert publish_recent_epochs(default_limiter(), timezone.now(), lambda: False) == 2
    assert [epoch_of(key) for key in keys] == [0, 0, 0, 2, 2], "the latest change first"
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 3


def test_where_nothing_changed_it_costs_one_query(service: ConfigService, root: IssuedKey) -> None:
    with CaptureQueriesContext(connection) as queries:
        publish_recent_epochs(default_limiter(), timezone.now() + timedelta(hours=1))
    assert len(queries) == 1


def test_epoch_that_no_key_can_reach_makes_no_key_impossible_to_revoke(
    service: ConfigService, root: IssuedKey, api: Caller
) -> None:
    """Nor late: a damaged store, or a stranger who writes there, is corrected by the next check."""
    key = service.issue({"label": "damaged"})
    default_limiter().store.set_epoch(key.key.key_id.encode(), 2**31 - 1)
    caller = Caller(key.credential.reveal())
    assert caller.get("/v1/whoami").status_code == 200
    assert api.patch(f"/v1/keys/{key.key.key_id}", {"enabled": False}).status_code == 200
    assert api.delete(f"/v1/keys/{key.key.key_id}").status_code == 204
    assert caller.get("/v1/whoami").status_code == 401
    assert epoch_of(key) == 3
