"""The feed reads on from its cursor, and notices that the log is another one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from events import feed
from events.chain import GENESIS
from events.feed import Cursor, read_after, read_head
from events.models import ChainHead, Event
from tests.events.test_log import add

pytestmark = pytest.mark.django_db(transaction=True)


def ids_after(cursor: Cursor) -> list[int] | None:
    events = read_after(cursor)
    return None if events is None else [event.event_id for event in events]


def test_cursor_reads_on_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    add()
    cursor = read_head()
    assert cursor == Cursor(1, Event.objects.get().digest, is_stored=True)
    with django_assert_num_queries(1):
        assert ids_after(cursor) == []
    later = [add(), add()]
    with django_assert_num_queries(1):
        events = read_after(cursor)
    assert events == [(event.id, event.digest, event.type, event.key_id) for event in later]


def test_page_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    for _ in range(4):
        add()
    assert ids_after(Cursor(1, Event.objects.get(id=1).digest, is_stored=True)) == [2, 3]


def test_query_reads_no_more_of_a_long_log() -> None:
    add()
    with CaptureQueriesContext(connection) as queries:
        read_after(read_head())
    (sql,) = [query["sql"] for query in queries if "data_json" in query["sql"]] or [""]
    assert sql == "", "texts of events are not read"


def test_empty_log_is_no_other_log(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    nothing = Cursor(0, GENESIS, is_stored=False)
    assert read_head() == nothing
    with django_assert_num_queries(1):
        assert ids_after(nothing) == []
    add()
    with django_assert_num_queries(1):
        assert ids_after(nothing) == [1]


def test_pruned_log_is_another_once() -> None:
    """Or else a log whose events are all too old would drop every record once a second."""
    add()
    cursor = read_head()
    Event.objects.all()._raw_delete(Event.objects.db)
    assert ids_after(cursor) is None
    pruned = read_head()
    assert pruned == (cursor.event_id, cursor.digest, False)
    assert ids_after(pruned) == []
    add()
    assert ids_after(pruned) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda: Event.objects.filter(id=2)._raw_delete(Event.objects.db),
        lambda: Event.objects.filter(id=2).update(digest="0" * 64),
        lambda: Event.objects.filter(id=3)._raw_delete(Event.objects.db),
    ],
    ids=["own event gone", "own event another", "event missing"],
)
def test_log_that_does_not_continue_is_another(change: object) -> None:
    add(), add()
    cursor = read_head()
    add(), add()
    assert callable(change)
    assert ids_after(cursor) == [3, 4]
    change()
    assert ids_after(cursor) is None


def test_head_that_went_back_is_noticed_without_events() -> None:
    add(), add()
    Event.objects.all()._raw_delete(Event.objects.db)
    pruned = read_head()
    ChainHead.objects.update(last_id=1)
    assert ids_after(pruned) is None
