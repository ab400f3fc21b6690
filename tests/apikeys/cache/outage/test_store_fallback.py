"""Old records while the bucket store is on its fallback, which may not know of a change."""

import pytest
from django.db import OperationalError

from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import RevokedKey
from ratelimit.costs import ONE
from ratelimit.decision import Decision
from ratelimit.stores import BucketStoreError
from tests.apikeys.cache.outage.process import ADDRESS, Database, Process, SharedStore

pytestmark = pytest.mark.django_db(transaction=True)


def test_old_record_is_not_used_without_store(
    here: Process, key: IssuedKey, shared: SharedStore, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    shared.confirms_epochs = False
    here.seconds += TTL_SECONDS - 0.001
    assert here.passes(key.credential)
    here.seconds += 0.001
    assert here.cache.cached(key.key.key_id) is None
    with pytest.raises(OperationalError):
        here.passes(key.credential)
    shared.confirms_epochs = True
    assert here.passes(key.credential)


def test_fallback_during_request_rejects_old_record(
    here: Process, key: IssuedKey, shared: SharedStore, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    here.cache.poller.record_failure("away")
    young = here.authenticator.authenticate(key.credential, ADDRESS)
    here.seconds += TTL_SECONDS
    old = here.authenticator.authenticate(key.credential, ADDRESS)
    shared.confirms_epochs = False
    with pytest.raises(OperationalError):
        here.authenticator.charge(old, ADDRESS)
    (charged,) = here.authenticator.charge_batch([(old, ONE)])
    assert isinstance(charged, BucketStoreError)
    here.cache.poller.down = False
    assert here.authenticator.charge_batch([(old, ONE)]) == [None], "the database is asked where it may answer"
    here.seconds -= TTL_SECONDS
    (charged,) = here.authenticator.charge_batch([(young, ONE)])
    assert isinstance(charged, Decision)


def test_fallback_during_request_reads_database(
    here: Process, key: IssuedKey, shared: SharedStore, service: ConfigService, database: Database
) -> None:
    """Where that answers: also when it was too slow to have answered the feed in time."""
    here.passes(key.credential)
    here.cache.poller.is_asking = True
    here.seconds += TTL_SECONDS
    old = here.authenticator.authenticate(key.credential, ADDRESS)
    shared.confirms_epochs = False
    assert here.authenticator.charge(old, ADDRESS)[1].allowed
    here.seconds += TTL_SECONDS
    service.revoke(key.key.key_id)
    shared.forget(key.key.key_id.encode())
    with pytest.raises(RevokedKey):
        here.authenticator.charge(old, ADDRESS)


@pytest.mark.parametrize(("confirms", "away"), [(True, False), (True, True), (False, False), (False, True)])
def test_suspended_process_uses_no_old_record(
    here: Process, key: IssuedKey, shared: SharedStore, service: ConfigService, database: Database,
    confirms: bool, away: bool,
) -> None:  # fmt: skip
    """After it looked at its record, and before it took the token; a store that does not confirm has not heard of it."""
    here.passes(key.credential)
    verified = here.authenticator.authenticate(key.credential, ADDRESS)
    service.revoke(key.key.key_id)
    here.seconds += 600
    shared.confirms_epochs, database.away = confirms, away
    if not confirms:
        shared.forget(key.key.key_id.encode())
    with pytest.raises(OperationalError if away else RevokedKey):
        here.authenticator.charge(verified, ADDRESS)
    (charged,) = here.authenticator.charge_batch([(verified, ONE)])
    assert not isinstance(charged, Decision)
