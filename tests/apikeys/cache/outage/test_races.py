"""The race that kills caches of this kind: a reader selects, an event drops the key, and the reader stores the old row."""

from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

import pytest
from django.db import OperationalError

from apikeys.cache import drops, records
from apikeys.cache import key_cache as key_cache_module
from apikeys.cache.key_cache import MAX_READS, TTL_SECONDS
from apikeys.cache.record_table import RecordTable
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import RevokedKey
from apikeys.models import APIKey
from events.batched_sql import run
from events.models import ChainHead
from ratelimit.costs import ONE
from tests.apikeys.cache.outage.process import Database, Process, SharedStore

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = ("before it selects", "between keys and secrets", "before it stores", "after it stored")
Hooks = dict[str, list[Callable[[], object]]]


@pytest.fixture
def hooks(database: Database, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """What happens at each step of the next read, once."""
    found: Hooks = {step: [] for step in STEPS}

    def at(step: str) -> None:
        todo, found[step] = found[step], []
        for hook in todo:
            hook()

    store = RecordTable.store

    def run_in_steps(statements: Any) -> Any:
        """As SQLite does, and PostgreSQL too: each statement sees what was committed before it began."""
        keys = run(statements[:1])
        at("between keys and secrets")
        return [*keys, *run(statements[1:])]

    def read_in_steps(key_ids: list[str]) -> Any:
        at("before it selects")
        return database.read(key_ids)

    def store_in_steps(self: RecordTable, *arguments: Any) -> bool:
        at("before it stores")
        stored = store(self, *arguments)
        at("after it stored")
        return stored

    monkeypatch.setattr(records, "run", run_in_steps)
    monkeypatch.setattr(key_cache_module, "read_records", read_in_steps)
    monkeypatch.setattr(RecordTable, "store", store_in_steps)
    return found


def change_by_event(service: ConfigService, key_id: str) -> None:
    service.update(key_id, {"enabled": False})


def change_by_hand(service: ConfigService, key_id: str) -> None:
    APIKey.objects.filter(key_id=key_id).update(enabled=False)
    service.forget_records()


@pytest.mark.parametrize("kind", [change_by_event, change_by_hand])
@pytest.mark.parametrize(("changed", "followed"), list(combinations_with_replacement(STEPS, 2)))
def test_old_row_is_neither_used_nor_cached_after_event(
    here: Process, key: IssuedKey, service: ConfigService, hooks: Hooks, changed: str, followed: str,
    kind: Callable[[ConfigService, str], None],
) -> None:  # fmt: skip
    """At whichever step of the read the key changes, and at whichever later one the feed reports it."""
    here.follow()
    hooks[changed].append(lambda: kind(service, key.key.key_id))
    hooks[followed].append(here.follow)
    record = here.cache.load(key.key.key_id)
    assert record is not None
    if followed != "after it stored":
        assert not record.enabled, "the event was there before the record was returned"
    cached = here.cache.cached_at_any_age(key.key.key_id)
    assert cached is None or not cached.enabled
    here.follow()
    again = here.cache.cached_at_any_age(key.key.key_id) or here.cache.load(key.key.key_id)
    assert again is not None
    assert not again.enabled


def test_look_up_reads_again_too(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore, hooks: Hooks
) -> None:
    here.follow()

    def revoke() -> None:
        service.revoke(key.key.key_id)
        shared.forget(key.key.key_id.encode())
        here.follow()

    hooks["before it stores"].append(revoke)
    with pytest.raises(RevokedKey):
        here.passes(key.credential)


def test_key_forgotten_by_drops_is_still_refused(
    here: Process, key: IssuedKey, service: ConfigService, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that sleeps through more changes than are remembered."""
    monkeypatch.setattr(here.cache._table, "_drops", drops.Drops(capacity=2))
    others = [service.issue({"label": "x"}).key.key_id for _ in range(3)]
    here.follow()

    def much_happens() -> None:
        service.update(key.key.key_id, {"enabled": False})
        for other in others:
            service.update(other, {"label": "y"})
        here.follow()

    hooks["before it stores"].append(much_happens)
    record = here.cache.load(key.key.key_id)
    assert record is not None
    assert not record.enabled


def test_database_that_went_back_is_not_believed(
    here: Process, key: IssuedKey, service: ConfigService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that lags behind, or another log that the feed has not noticed yet: 503, and the feed is asked now."""
    here.follow()
    service.update(key.key.key_id, {"label": "y"})
    here.follow()
    head = ChainHead.objects.get()
    ChainHead.objects.update(last_id=head.last_id - 1)
    database.asked.clear()
    woken: list[bool] = []
    monkeypatch.setattr(here.cache.poller, "wake", lambda: woken.append(True))
    with pytest.raises(OperationalError):
        here.cache.load(key.key.key_id)
    assert len(database.asked) == MAX_READS
    assert (woken, here.cache.database_is_down) == ([True], False)
    assert here.cache.cached_at_any_age(key.key.key_id) is None
    ChainHead.objects.update(last_id=head.last_id)
    assert here.cache.load(key.key.key_id) is not None


def test_read_before_the_feed_began_is_repeated(
    here: Process, key: IssuedKey, hooks: Hooks, database: Database
) -> None:
    hooks["before it stores"].append(here.follow)
    assert here.passes(key.credential)
    assert len(database.asked) == 2, "the same look-up, repeated"


def test_record_in_use_is_old_once_its_key_was_dropped(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore
) -> None:
    """So a decision of the fallback is not taken with it."""
    here.follow()
    here.passes(key.credential)
    verified = here.authenticator.authenticate(key.credential, "203.0.113.7")
    service.revoke(key.key.key_id)
    shared.forget(key.key.key_id.encode())
    here.follow()
    shared.confirms_epochs = False
    assert here.authenticator.charge_batch([(verified, ONE)]) == [None]
    with pytest.raises(RevokedKey):
        here.authenticator.charge(verified, None)
    assert here.seconds < 100 + TTL_SECONDS
