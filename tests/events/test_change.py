"""A change: one transaction, whose events come at its end."""

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events import log
from events.batched_sql import insert_statement, run
from events.change import Change, change
from events.models import Event, Seal
from events.origin import Origin
from events.types import EventType
from tests.events.test_batched_sql import seal

pytestmark = pytest.mark.django_db
ORIGIN = Origin("command:test", "request-1")


def report(whole: Change, number: int) -> None:
    whole.append(EventType.KEY_UPDATED, origin=ORIGIN, at=timezone.now(), key_id="", data={"number": number})


def numbers() -> list[int]:
    return [event.data["number"] for event in Event.objects.order_by("id")]


def test_events_come_last_and_in_order() -> None:
    with CaptureQueriesContext(connection) as queries, change() as whole:
        report(whole, 1)
        with change() as part:
            report(part, 2)
            run([insert_statement([seal(1)])])
        run([insert_statement([seal(2)])])
        assert numbers() == []
    assert numbers() == [1, 2]
    texts = [query["sql"] for query in queries]
    taken = next(place for place, text in enumerate(texts) if "events_chainhead" in text)
    assert not any("events_seal" in text for text in texts[taken:])


def test_caught_error_in_a_part_rolls_back_everything() -> None:
    with pytest.raises(TransactionManagementError), change():
        run([insert_statement([seal(1)])])
        with pytest.raises(ZeroDivisionError), change():
            raise ZeroDivisionError
    assert not Seal.objects.exists()


def test_failed_change_leaves_no_events() -> None:
    with pytest.raises(ZeroDivisionError), change() as whole:
        report(whole, 1)
        raise ZeroDivisionError
    with change() as whole:
        report(whole, 2)
    assert numbers() == [2]


def test_part_within_a_savepoint_is_rejected() -> None:
    with pytest.raises(TransactionManagementError, match="transaction of its own"), change() as whole:
        report(whole, 1)
        with transaction.atomic(), change() as part:
            report(part, 2)
    assert numbers() == []


def test_no_event_overtakes_those_of_the_change() -> None:
    with pytest.raises(TransactionManagementError, match="behind them"), change() as whole:
        report(whole, 1)
        log.append(EventType.KEY_UPDATED, origin=ORIGIN, at=timezone.now(), data={"number": 2})
    with transaction.atomic():
        log.append(EventType.KEY_UPDATED, origin=ORIGIN, at=timezone.now(), data={"number": 3})
    assert numbers() == [3]
