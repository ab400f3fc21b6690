"""The change feed in place of reading records again: what drops a record, how old it is, and how many queries it takes."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from apikeys.cache import feed
from apikeys.cache.feed import ChangeFeed
from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.cache.rereads import BATCH, REREAD_AFTER_SECONDS
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import DisabledKey, RevokedKey
from apikeys.models import APIKey
from events import feed as pages
from events.change import change
from events.models import ChainHead, Event
from events.origin import Origin
from events.types import EventType
from tests.apikeys.cache.outage.process import STALE_SECONDS, Database, Process, SharedStore
from tests.events.test_log import add

pytestmark = pytest.mark.django_db(transaction=True)

QUERIES_A_SECOND = 3


def lose_epoch(shared: SharedStore, key: IssuedKey) -> None:
    """The store knows of no change, so that only the feed does."""
    shared.forget(key.key.key_id.encode())


def disable_by_hand(key: IssuedKey) -> None:
    """A change in SQL, which no event reports and no epoch shows."""
    APIKey.objects.filter(pk=key.key.pk).update(enabled=False)


def test_changed_key_is_dropped_and_no_other(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore, database: Database
) -> None:
    other = service.issue({"label": "other"})
    here.follow()
    here.passes(key.credential)
    here.passes(other.credential)
    service.revoke(key.key.key_id)
    lose_epoch(shared, key)
    assert here.passes(key.credential), "nothing has told this process"
    here.follow()
    database.asked.clear()
    assert here.passes(other.credential)
    assert database.asked == []
    with pytest.raises(RevokedKey):
        here.passes(key.credential)


CHANGES: dict[str, Callable[[ConfigService, str], object]] = {
    "label": lambda service, key_id: service.update(key_id, {"label": "y"}),
    "limit": lambda service, key_id: service.update(key_id, {"rate_limit": None}),
    "disable": lambda service, key_id: service.update(key_id, {"enabled": False}),
    "rotate": lambda service, key_id: service.rotate(key_id),
    "finish": lambda service, key_id: (service.rotate(key_id), service.finish_rotation(key_id)),
    "revoke": lambda service, key_id: service.revoke(key_id),
    "forget": lambda service, key_id: service.forget_records(),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_of_key_drops_it(here: Process, key: IssuedKey, service: ConfigService, kind: str) -> None:
    here.follow()
    here.passes(key.credential)
    CHANGES[kind](service, key.key.key_id)
    here.follow()
    assert here.cache.cached_at_any_age(key.key.key_id) is None


def test_other_events_drop_nothing(here: Process, key: IssuedKey, service: ConfigService) -> None:
    here.follow()
    here.passes(key.credential)
    service.issue({"label": "other"})
    with change() as unit:
        unit.append(
            EventType.KEY_EXPIRED, origin=Origin.of_system(), at=key.key.created_at, key_id=key.key.key_id, data={}
        )
    here.follow()
    assert here.cache.cached_at_any_age(key.key.key_id) is not None


def test_record_that_includes_change_stays(here: Process, key: IssuedKey, service: ConfigService) -> None:
    here.follow()
    here.passes(key.credential)
    service.update(key.key.key_id, {"label": "y"})
    here.passes(key.credential)  # which learns of it from the store
    here.follow()
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    assert record.auth.label == "y"


def test_age_is_that_of_last_answered_question(here: Process, key: IssuedKey, database: Database) -> None:
    here.follow()
    here.passes(key.credential)
    here.seconds += 600
    here.follow()
    database.asked.clear()
    here.seconds += TTL_SECONDS - 0.001
    assert here.passes(key.credential)
    assert database.asked == [], "however old the record is"
    here.seconds += 0.001
    assert here.passes(key.credential)
    assert database.asked == [[key.key.key_id]]


def test_answer_is_as_old_as_its_question(here: Process, key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is committed while the answer is under way is not in it."""
    here.follow()
    here.passes(key.credential)

    def slow(cursor: pages.Cursor) -> list[pages.FeedEvent] | None:
        found = pages.read_after(cursor)
        here.seconds += TTL_SECONDS
        return found

    monkeypatch.setattr(feed, "read_after", slow)
    here.follow()
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    assert here.cache.is_old(record)


def test_feed_that_is_behind_confirms_nothing_until_it_has_caught_up(
    here: Process, key: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    monkeypatch.setattr(pages, "PAGE", 2)
    here.follow()
    here.passes(key.credential)
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    for _ in range(5):
        add()
    here.seconds += TTL_SECONDS
    found = [(here.cache._ask(), here.cache.is_old(record)) for _ in range(3)]
    assert found == [(True, True), (True, True), (False, False)]


def test_more_than_a_page_is_read_in_the_same_second(
    here: Process, key: IssuedKey, service: ConfigService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    monkeypatch.setattr(pages, "PAGE", 2)
    here.follow()
    here.passes(key.credential)
    for _ in range(7):
        add()
    service.revoke(key.key.key_id)
    assert here.follow()
    assert here.cache.cached_at_any_age(key.key.key_id) is None


def restore(key: IssuedKey) -> None:
    """The log of a backup that had fewer events, and then others."""
    Event.objects.filter(id__gt=1)._raw_delete(Event.objects.db)
    first = Event.objects.get()
    ChainHead.objects.update(last_id=1, digest=first.digest)
    disable_by_hand(key)
    for _ in range(5):
        add(of="the other log")


def fail_over(key: IssuedKey) -> None:
    """To a replica that lacks the last event."""
    last = Event.objects.latest("id")
    Event.objects.filter(id=last.id)._raw_delete(Event.objects.db)
    before = Event.objects.latest("id")
    ChainHead.objects.update(last_id=before.id, digest=before.digest)
    disable_by_hand(key)


def truncate(key: IssuedKey) -> None:
    """As when the events are pruned or truncated, and the head stays."""
    Event.objects.all()._raw_delete(Event.objects.db)
    disable_by_hand(key)


@pytest.mark.parametrize("replace", [restore, fail_over, truncate])
def test_log_that_was_replaced_drops_everything_with_the_next_question(
    here: Process, key: IssuedKey, service: ConfigService, replace: Callable[[IssuedKey], None]
) -> None:
    service.issue({"label": "other"})
    here.follow()
    here.passes(key.credential)
    replace(key)
    assert here.passes(key.credential)
    here.follow()
    with pytest.raises(DisabledKey):
        here.passes(key.credential)
    before = here.cache.cached_at_any_age(key.key.key_id)
    here.follow()
    assert here.cache.cached_at_any_age(key.key.key_id) is before is not None, "once"


def test_record_of_replaced_log_is_read_again(
    here: Process, key: IssuedKey, service: ConfigService, database: Database
) -> None:
    """The IDs of the other log are lower, and prove nothing about those of the old one."""
    for _ in range(3):
        service.issue({"label": "other"})
    here.follow()

    def replace() -> None:
        database.meanwhile = lambda: None
        restore(key)
        here.follow()

    database.meanwhile = replace
    record = here.cache.load(key.key.key_id)
    assert record is not None
    assert not record.enabled


def test_standby_confirms_nothing(here: Process, key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    here.follow()
    here.passes(key.credential)
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    here.seconds += TTL_SECONDS
    with monkeypatch.context() as standby:
        standby.setattr(feed, "connection_is_to_standby", lambda: True)
        assert here.follow()
        assert here.cache.is_old(record)
    here.follow()
    assert not here.cache.is_old(record)


def test_feed_that_is_cut_off_keeps_the_bounds(
    here: Process, key: IssuedKey, service: ConfigService, shared: SharedStore, database: Database
) -> None:
    """Also where its last answer, and not a read, has made the record young."""
    here.passes(key.credential)
    here.follow()
    here.passes(key.credential)
    here.seconds += 300
    here.follow()
    service.revoke(key.key.key_id)
    lose_epoch(shared, key)
    database.away = True
    assert not here.follow()
    here.seconds += STALE_SECONDS - 0.001
    assert here.passes(key.credential)
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    assert here.cache.is_old(record)
    here.seconds += 0.001
    assert here.cache.cached(key.key.key_id) is None
    shared.confirms_epochs = False
    here.seconds -= STALE_SECONDS - TTL_SECONDS
    assert here.cache.cached(key.key.key_id) is None, "without the store, 5 seconds"


def test_queries_do_not_depend_on_number_of_keys(here: Process, service: ConfigService) -> None:
    """Each question stands for a second: for one key and for many, young and due for another read."""
    keys = [service.issue({"label": "x"}).key.key_id for _ in range(BATCH + 50)]
    here.follow()
    counted = {}
    for number in (1, len(keys)):
        for key_id in keys[:number]:
            here.cache.load(key_id)
        for age in (1.0, REREAD_AFTER_SECONDS):
            here.seconds += age
            with CaptureQueriesContext(connection) as queries:
                for _ in range(2):
                    here.follow()
                    assert all(here.cache.cached(key_id) for key_id in keys[:number])
            counted[number, age] = len(queries) / 2
    assert max(counted.values()) <= QUERIES_A_SECOND, counted
    assert {queries for (_, age), queries in counted.items() if age == 1.0} == {1.0}


def test_change_by_hand_is_found_after_ten_minutes(here: Process, key: IssuedKey) -> None:
    here.follow()
    here.passes(key.credential)
    disable_by_hand(key)
    here.seconds += REREAD_AFTER_SECONDS - 1
    here.follow()
    assert here.passes(key.credential)
    here.seconds += 1
    here.follow()
    with pytest.raises(DisabledKey):
        here.passes(key.credential)


def test_key_deleted_by_hand_is_removed(here: Process, key: IssuedKey) -> None:
    here.follow()
    here.passes(key.credential)
    APIKey.objects.all().delete()
    here.seconds += REREAD_AFTER_SECONDS
    here.follow()
    assert here.cache.cached_at_any_age(key.key.key_id) is None


def test_reread_spreads_over_seconds_and_is_no_lookup(
    here: Process, service: ConfigService, database: Database
) -> None:
    keys = [service.issue({"label": "x"}).key.key_id for _ in range(BATCH + 1)]
    here.follow()
    for key_id in keys:
        here.cache.load(key_id)
    here.seconds += REREAD_AFTER_SECONDS
    database.asked.clear()
    before = REGISTRY.get_sample_value("key_directory_lookups_total", {"outcome": "loaded"})
    for _ in range(3):
        here.follow()
    assert database.asked == [keys[:BATCH], keys[BATCH:]]
    assert REGISTRY.get_sample_value("key_directory_lookups_total", {"outcome": "loaded"}) == before


def test_reread_keeps_newer_epoch(here: Process, key: IssuedKey, database: Database) -> None:
    here.limiter.publish_epoch(key.key.key_id, 99)
    here.follow()
    here.passes(key.credential)
    here.seconds += REREAD_AFTER_SECONDS
    here.follow()
    database.asked.clear()
    assert here.passes(key.credential)
    assert database.asked == []


def test_reread_overwrites_no_newer_record(
    here: Process, key: IssuedKey, service: ConfigService, database: Database
) -> None:
    here.follow()
    here.passes(key.credential)
    here.seconds += REREAD_AFTER_SECONDS

    def change_and_load() -> None:
        database.meanwhile = lambda: None
        service.revoke(key.key.key_id)
        with pytest.raises(RevokedKey):
            here.passes(key.credential)

    database.meanwhile = change_and_load
    assert here.follow()
    database.asked.clear()
    with pytest.raises(RevokedKey):
        here.passes(key.credential)
    assert database.asked == []


def test_unreadable_row_fails_no_other_key(here: Process, key: IssuedKey, service: ConfigService) -> None:
    """And above all, it is no outage of the database."""
    broken = service.issue({"label": "x"})
    here.follow()
    here.passes(key.credential)
    here.passes(broken.credential)
    APIKey.objects.filter(pk=broken.key.pk).update(scopes=5)
    here.seconds += REREAD_AFTER_SECONDS
    assert here.follow()
    assert not here.cache.database_is_down
    assert here.passes(key.credential)
    with pytest.raises(TypeError):
        here.passes(broken.credential)


def test_reread_of_standby_replaces_no_newer_record(here: Process, key: IssuedKey) -> None:
    here.follow()
    here.passes(key.credential)
    ChainHead.objects.update(last_id=0)
    disable_by_hand(key)
    here.seconds += REREAD_AFTER_SECONDS
    here.cache._reread()
    record = here.cache.cached_at_any_age(key.key.key_id)
    assert record is not None
    assert record.enabled


def test_evicted_key_is_not_read_again(service: ConfigService) -> None:
    from apikeys.cache.key_cache import KeyCache

    seconds = [0.0]
    cache = KeyCache(clock=lambda: seconds[0], capacity=1)
    for _ in range(2):
        cache.load(service.issue({"label": "x"}).key.key_id)
    assert len(cache._table.due_for_reread(REREAD_AFTER_SECONDS)) == 1


def test_follower_begins_before_cursor_is_kept(key: IssuedKey) -> None:
    """If the first fails, the next question begins again."""

    class Failing:
        confirmed_at = -1.0

        def begin(self, event_id: int) -> None:
            raise RuntimeError

        def apply(self, events: object) -> None:
            raise AssertionError(events)

    one = ChangeFeed(Failing(), lambda: 0.0)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            one.ask()
    assert Failing.confirmed_at == -1.0
