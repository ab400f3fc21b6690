"""Several statements in one round trip, and what becomes of them if one fails."""

from datetime import UTC, datetime
from threading import Thread

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from events.batched_sql import (
    SavepointFailed,
    Statement,
    delete_statement,
    insert_statement,
    run,
    run_with_savepoint,
    select_statement,
    update_statement,
)
from events.chain import GENESIS
from events.models import ChainHead, Event, Seal
from tests.support.waiting import wait_until

NOW = datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
FAILS = Statement("SELECT no_such_function(1)")


def event(number: int, **values: object) -> Event:
    fields = {"type": "KeyUpdated", "at": NOW, "actor": "100% 'x'; --", "request_id": "r", "data_json": "{}"}
    return Event(id=number, digest=GENESIS, **{**fields, **values})


def seal(number: int) -> Seal:
    digest = str(number) * 64
    return Seal(
        first_id=number,
        last_id=number,
        previous_digest=digest,
        digest=digest,
        sealed_at=NOW,
        pepper_id="p",
        signature="",
    )


def ids() -> list[int]:
    return list(Event.objects.order_by("id").values_list("id", flat=True))


@pytest.mark.django_db
def test_each_statement_has_its_rows() -> None:
    found = run(
        [
            insert_statement([event(1), event(2)]),
            update_statement(Event.objects.filter(id=2), request_id="ä"),
            select_statement(Event.objects.order_by("id")),
            delete_statement(Event.objects.filter(id=1)),
            select_statement(Event.objects.values_list("id", "at", "actor", "request_id")),
        ]
    )
    assert [len(rows) for rows in found] == [0, 0, 2, 0, 1]
    assert [(one.id, one.at, one.actor) for one in found[2]] == [(1, NOW, "100% 'x'; --"), (2, NOW, "100% 'x'; --")]
    assert not found[2][0]._state.adding
    assert found[4] == [(2, NOW, "100% 'x'; --", "ä")]
    assert run([]) == []


@pytest.mark.django_db
def test_postgresql_takes_them_as_one_message() -> None:
    with CaptureQueriesContext(connection) as queries:
        run(
            [insert_statement([event(1)]), select_statement(Event.objects.all()), select_statement(Event.objects.all())]
        )
    assert len(queries) == (1 if connection.vendor == "postgresql" else 3)


@pytest.mark.django_db
def test_rows_get_the_keys_that_the_database_gives() -> None:
    one, other = seal(1), seal(2)
    run([insert_statement([one, other])])
    assert [found.pk for found in Seal.objects.order_by("first_id")] == [one.pk, other.pk]
    assert not one._state.adding


@pytest.mark.django_db
def test_conflicts_can_be_ignored() -> None:
    run([insert_statement([seal(1)])])
    run([insert_statement([seal(1)], ignore_conflicts=True)])
    assert Seal.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        run([insert_statement([seal(1)])])


@pytest.mark.django_db
def test_optional_failure_rolls_back_only_itself() -> None:
    with transaction.atomic():
        with pytest.raises(SavepointFailed) as caught:
            run_with_savepoint([insert_statement([event(1)])], [insert_statement([event(2)]), FAILS])
        assert isinstance(caught.value.__cause__, DatabaseError)
        assert run_with_savepoint(
            [insert_statement([event(3)])], [select_statement(Event.objects.filter(id=1).values_list("id"))]
        ) == [
            [],
            [(1,)],
        ]
    assert ids() == [1, 3]


@pytest.mark.django_db(transaction=True)
def test_required_failure_is_not_hidden_by_an_earlier_one() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        with pytest.raises(SavepointFailed):
            run_with_savepoint([insert_statement([event(1)])], [FAILS])
        run_with_savepoint([insert_statement([event(2)]), FAILS], [insert_statement([event(3)])])
    assert ids() == []


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes any text")
def test_invalid_text_is_a_database_error() -> None:
    with pytest.raises(DatabaseError):
        run([select_statement(Event.objects.filter(actor="a\0b"))])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("apart", [[], [insert_statement]], ids=["alone", "with more"])
def test_required_failure_rolls_back_everything(apart: list[object]) -> None:
    """Its cause is kept: by that it is told from others."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        run_with_savepoint([insert_statement([event(1)]), FAILS], [insert_statement([event(2)])] if apart else [])
    assert caught.value.__cause__ is not None
    assert ids() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_statement_after_a_lock_sees_committed_data() -> None:
    """What is read by the round trip that takes the log is as it is once the log is held, and not when it was asked."""
    ChainHead.objects.create(id=1, digest=GENESIS)
    found: list[object] = []

    def wait() -> None:
        with transaction.atomic():
            lock = select_statement(ChainHead.objects.select_for_update().values_list("last_id"))
            found.extend(run([lock, select_statement(Event.objects.values_list("id"))]))
        connection.close()

    names = connection.get_connection_params()
    with psycopg.connect(**{name: names[name] for name in ("dbname", "user", "host", "port")}) as holder:
        holder.execute("SELECT * FROM events_chainhead FOR UPDATE")
        waiter = Thread(target=wait)
        waiter.start()
        wait_until(
            lambda: holder.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None,
            "the waiter waits for the lock",
        )
        holder.execute("UPDATE events_chainhead SET last_id = 7")
        holder.execute(
            "INSERT INTO events_event (id, type, at, actor, request_id, key_id, data_json, digest)"
            " VALUES (7, '', now(), '', '', '', '{}', '')"
        )
        holder.commit()
        waiter.join(10)
    assert found == [[(7,)], [(7,)]]
