"""Changes that are made in another process: they apply to the next request of this one, `here`."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import DisabledKey, ExpiredKey, InvalidCredential, RevokedKey
from apikeys.models import APIKey
from latchkey.timestamps import whole_second
from ratelimit.limiter import default_limiter
from ratelimit.stores import MemoryStore
from tests.apikeys.process import Process, tokens_used

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def here() -> Process:
    return Process(default_limiter())


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda service, key_id: service.revoke(key_id), RevokedKey),
        (lambda service, key_id: service.update(key_id, {"enabled": False}), DisabledKey),
        (lambda service, key_id: service.rotate(key_id, {"grace_seconds": 0}), InvalidCredential),
    ],
)
def test_change_applies_to_next_request(
    here: Process, service: ConfigService, root: IssuedKey, store: MemoryStore, change: object, refusal: type
) -> None:
    assert callable(change)
    here.passes(root.credential)
    change(service, root.key.key_id)
    with pytest.raises(refusal):
        here.passes(root.credential)
    assert tokens_used(store, root) == 1


def test_new_limit_applies_to_next_request(here: Process, service: ConfigService, root: IssuedKey) -> None:
    service.update(root.key.key_id, {"rate_limit": {"burst": 9, "per_seconds": 86400}})
    assert here.passes(root.credential)
    service.update(root.key.key_id, {"rate_limit": {"burst": 1, "per_seconds": 3600}})
    assert not here.passes(root.credential)
    service.update(root.key.key_id, {"rate_limit": {"burst": 3, "per_seconds": 3600}})
    assert [here.passes(root.credential) for _ in range(3)] == [True, True, False]


def test_enabling_applies_to_next_request(here: Process, service: ConfigService, root: IssuedKey) -> None:
    service.update(root.key.key_id, {"enabled": False})
    with pytest.raises(DisabledKey):
        here.passes(root.credential)
    service.update(root.key.key_id, {"enabled": True})
    assert here.passes(root.credential)


def test_rotation_applies_to_next_request(here: Process, service: ConfigService, root: IssuedKey) -> None:
    here.passes(root.credential)
    rotated = service.rotate(root.key.key_id)
    assert here.passes(rotated.credential)
    assert here.passes(root.credential)
    service.finish_rotation(root.key.key_id)
    with pytest.raises(InvalidCredential):
        here.passes(root.credential)
    assert here.passes(rotated.credential)


def test_old_secret_ends_on_time(here: Process, service: ConfigService, root: IssuedKey) -> None:
    service.rotate(root.key.key_id, {"grace_seconds": 60})
    end = root.key.secrets.get(state="retiring").expires_at
    assert end is not None
    assert end == whole_second(end)
    here.wall = end - timedelta(milliseconds=1)
    assert here.passes(root.credential)
    here.wall = end
    with pytest.raises(InvalidCredential):
        here.passes(root.credential)


def test_key_expires_on_time(here: Process, service: ConfigService) -> None:
    """That is the one which is shown, also if the row has a fraction, as rows of earlier versions do."""
    end = whole_second(timezone.now() + timedelta(days=1))
    issued = service.issue({"label": "x", "expires_at": end + timedelta(milliseconds=900)})
    assert issued.key.expires_at == end
    APIKey.objects.update(expires_at=end + timedelta(milliseconds=900))
    here.wall = end - timedelta(milliseconds=1)
    assert here.passes(issued.credential)
    here.wall = end
    with pytest.raises(ExpiredKey):
        here.passes(issued.credential)


def test_lost_store_record_gets_epoch_again(here: Process, service: ConfigService, root: IssuedKey) -> None:
    service.update(root.key.key_id, {"label": "later"})
    here.passes(root.credential)
    default_limiter().store.forget(root.key.key_id.encode())
    assert here.passes(root.credential)
    assert default_limiter().epoch(root.key.key_id) == 2


def test_restored_database_is_authoritative(here: Process, service: ConfigService, root: IssuedKey) -> None:
    """The store has heard of a later epoch than the database knows: no endless reloading, and the next change holds."""
    default_limiter().publish_epoch(root.key.key_id, 99)
    assert here.passes(root.credential)
    with CaptureQueriesContext(connection) as queries:
        assert here.passes(root.credential)
    assert len(queries) == 0
    service.update(root.key.key_id, {"enabled": False})
    with pytest.raises(DisabledKey):
        here.passes(root.credential)
