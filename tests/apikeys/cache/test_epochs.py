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
def test_each_kind_of_change_is_republished_once(service: ConfigService, root: IssuedKey, change: object) -> None:
    assert callable(change)
    change(service, root.key.key_id)
    lose(root)
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 1
    assert epoch_of(root) == 2
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 0


def test_finish_and_enable_are_republished(service: ConfigService, root: IssuedKey) -> None:
    service.rotate(root.key.key_id)
    service.finish_rotation(root.key.key_id)
    service.update(root.key.key_id, {"enabled": False})
    service.update(root.key.key_id, {"enabled": True})
    Event.objects.filter(type__in=[EventType.KEY_ROTATED, EventType.KEY_DISABLED]).update(key_id="")
    lose(root)
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 1
    assert epoch_of(root) == 5


def test_failed_publication_is_repeated(
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


def test_window_covers_every_usable_record(service: ConfigService, root: IssuedKey, settings: Settings) -> None:
    settings.DIRECTORY_STALE_SECONDS = 60
    service.revoke(root.key.key_id)
    lose(root)
    changed = Event.objects.get(type=EventType.KEY_REVOKED).at
    assert publish_recent_epochs(default_limiter(), changed + timedelta(seconds=90.001)) == 0
    assert publish_recent_epochs(default_limiter(), changed + timedelta(seconds=90)) == 1


def test_newer_epoch_in_store_stays(service: ConfigService, root: IssuedKey) -> None:
    service.update(root.key.key_id, {"label": "y"})
    default_limiter().publish_epoch(root.key.key_id, 99)
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 0
    assert epoch_of(root) == 99


def test_batches_stop_on_request(service: ConfigService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "BATCH", 2)
    keys = [service.issue({"label": "x"}) for _ in range(5)]
    for key in keys:
        service.revoke(key.key.key_id)
        lose(key)
    assert publish_recent_epochs(default_limiter(), timezone.now(), lambda: False) == 2
    assert [epoch_of(key) for key in keys] == [0, 0, 0, 2, 2], "the latest change first"
    assert publish_recent_epochs(default_limiter(), timezone.now()) == 3


def test_one_query_if_nothing_changed(service: ConfigService, root: IssuedKey) -> None:
    with CaptureQueriesContext(connection) as queries:
        publish_recent_epochs(default_limiter(), timezone.now() + timedelta(hours=1))
    assert len(queries) == 1


def test_key_with_impossible_epoch_can_be_revoked(service: ConfigService, root: IssuedKey, api: Caller) -> None:
    """Nor late: a damaged store, or a stranger who writes there, is corrected by the next check."""
    key = service.issue({"label": "damaged"})
    default_limiter().store.set_epoch(key.key.key_id.encode(), 2**31 - 1)
    caller = Caller(key.credential.reveal())
    assert caller.get("/v1/whoami").status_code == 200
    assert api.patch(f"/v1/keys/{key.key.key_id}", {"enabled": False}).status_code == 200
    assert api.delete(f"/v1/keys/{key.key.key_id}").status_code == 204
    assert caller.get("/v1/whoami").status_code == 401
    assert epoch_of(key) == 3
