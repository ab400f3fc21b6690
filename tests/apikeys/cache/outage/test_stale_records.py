"""Requests that are allowed while the database is down, by a process that has cached some keys before."""

import pytest
from django.db import OperationalError
from prometheus_client import REGISTRY

from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import RevokedKey
from latchkey.credentials import Credential, generate_secret
from ratelimit.costs import ONE
from tests.apikeys.cache.outage.process import STALE_SECONDS, Database, Process, SharedStore

pytestmark = pytest.mark.django_db(transaction=True)


def lookups(outcome: str) -> float:
    return REGISTRY.get_sample_value("key_directory_lookups_total", {"outcome": outcome}) or 0.0


def taken(shared: SharedStore, key: IssuedKey) -> int:
    return shared.peek(key.key.key_id.encode()).allowed


def test_cached_key_is_allowed_until_record_is_too_old(here: Process, key: IssuedKey, database: Database) -> None:
    assert here.passes(key.credential)
    database.away = True
    here.seconds += STALE_SECONDS - 0.001
    before = lookups("stale")
    assert here.passes(key.credential)
    assert lookups("stale") == before + 1
    here.seconds += 0.001
    with pytest.raises(OperationalError):
        here.passes(key.credential)


def test_old_record_is_used_only_in_outage(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore
) -> None:
    """Where the publication failed, and the database answers, the bound is TTL_SECONDS."""
    here.passes(key.credential)
    service.revoke(key.key.key_id)
    shared.forget(key.key.key_id.encode())
    here.seconds += TTL_SECONDS
    with pytest.raises(RevokedKey):
        here.passes(key.credential)


def test_requests_do_not_query_database_that_is_down(here: Process, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    database.away = True
    here.seconds += TTL_SECONDS
    assert here.passes(key.credential)
    database.asked.clear()
    for _ in range(5):
        assert here.passes(key.credential)
        with pytest.raises(OperationalError):
            here.passes(Credential("lk_000000000000", generate_secret()))
    assert database.asked == []


def test_wrong_secret_and_unknown_key_get_same_error(here: Process, key: IssuedKey, database: Database) -> None:
    here.passes(key.credential)
    database.away = True
    for seconds in (0.0, TTL_SECONDS):
        here.seconds += seconds
        refusals = []
        for key_id in (key.key.key_id, "lk_000000000000"):
            with pytest.raises(OperationalError) as caught:
                here.passes(Credential(key_id, generate_secret()))
            refusals.append(str(caught.value))
        assert seconds == 0.0 or refusals[0] == refusals[1]


def test_published_change_applies_in_outage(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore, database: Database
) -> None:
    here.passes(key.credential)
    service.revoke(key.key.key_id)
    database.away = True
    for seconds in (0.0, TTL_SECONDS, TTL_SECONDS):
        here.seconds += seconds
        with pytest.raises(OperationalError):
            here.passes(key.credential)
        verified = here.authenticator.authenticate_from_cache(key.credential)
        assert verified is not None
        assert here.authenticator.charge_batch([(verified, ONE)]) == [None]
    assert taken(shared, key) == 1


def test_confirmed_denial_applies_in_outage(
    here: Process, key: IssuedKey, service: ConfigService, database: Database
) -> None:
    service.revoke(key.key.key_id)
    with pytest.raises(RevokedKey):
        here.passes(key.credential)
    database.away = True
    here.seconds += TTL_SECONDS
    with pytest.raises(RevokedKey):
        here.passes(key.credential)


def test_ensure_fresh_checks_store_for_old_record(
    here: Process, key: IssuedKey, shared: SharedStore, service: ConfigService, database: Database
) -> None:
    here.passes(key.credential)
    database.away = True
    here.cache.poller.record_failure("away")
    here.seconds += TTL_SECONDS
    verified = here.authenticator.reauthenticate(key.credential, refresh=False)
    here.authenticator.ensure_fresh(verified)
    service.update(key.key.key_id, {"label": "y"})
    with pytest.raises(OperationalError):
        here.authenticator.ensure_fresh(verified)
    here.seconds -= TTL_SECONDS
    here.authenticator.ensure_fresh(verified)
