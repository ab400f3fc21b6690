"""Whatever is done to the log behind its back is found, and the first event named at which it was done."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.chain import GENESIS
from events.chain_verification import Break, ChainPosition
from events.log import append
from events.models import ChainHead, Event
from events.origin import Origin
from events.types import EventType
from events.verification import verify
from latchkey.peppers import parse_peppers

pytestmark = pytest.mark.django_db
append_only = import_module("events.migrations.0002_append_only")
PEPPERS = parse_peppers("t1:" + "11" * 32)
START = datetime(2030, 1, 1, tzinfo=UTC)


_COLUMNS = {"id": "id =", "id__gte": "id >="}


def write(number: int) -> None:
    """A log of `number` events."""
    types = list(EventType)
    with transaction.atomic():
        for index in range(number):
            append(
                types[index % len(types)],
                origin=Origin(f"user:u{index % 3}", f"r-{index}"),
                at=START + timedelta(seconds=index),
                key_id=f"lk_{index:012}" if index % 2 else "",
                data={"label": "ä" * (index % 4), "n": index},
            )


def first_break() -> Break | None:
    """Where the log does not hold; None where it does."""
    return next((found for found in verify(PEPPERS) if isinstance(found, Break)), None)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_log_as_it_was_written_holds(number: int) -> None:
    write(number)
    assert first_break() is None


def test_a_long_log_is_walked_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.verification.BATCH", 3)
    write(8)
    assert [found.event_id for found in verify(PEPPERS)] == [0, 3, 6, 8]


def change(name: str, value: Callable[[Event], object]) -> Callable[[int], None]:
    def apply(event_id: int) -> None:
        event = Event.objects.get(id=event_id)
        Event.objects.filter(id=event_id).update(**{name: value(event)})

    return apply


def flip(text: str) -> str:
    """`text` with its first character another one."""
    return chr(ord(text[0]) ^ 1) + text[1:] if text else "x"


def remove(**which: int) -> None:
    table, condition = Event._meta.db_table, " AND ".join(f"{_COLUMNS[name]} %s" for name in which)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE {condition}", list(which.values()))


CHANGES: dict[str, Callable[[int], None]] = {
    "type": change("type", lambda event: flip(event.type)),
    "time": change("at", lambda event: event.at + timedelta(microseconds=1)),
    "actor": change("actor", lambda event: flip(event.actor)),
    "request id": change("request_id", lambda event: event.request_id + "0"),
    "key id": change("key_id", lambda event: flip(event.key_id)),
    "data": change("data_json", lambda event: event.data_json.replace("}", " }")),
    "digest": change("digest", lambda event: flip(event.digest)),
    "removed": lambda event_id: remove(id=event_id),
}


@pytest.mark.slow("tries many examples")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(1, 8), which=st.integers(0, 7), how=st.sampled_from(sorted(CHANGES)))
def test_any_changed_row_is_detected(db: None, number: int, which: int, how: str) -> None:
    with transaction.atomic():
        write(number)
        event_id = which % number + 1
        CHANGES[how](event_id)
        found = first_break()
        transaction.set_rollback(True)
    assert found is not None
    assert found.event_id == event_id


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(2, 8), first=st.integers(0, 7), second=st.integers(0, 7))
def test_swapped_rows_are_detected(db: None, number: int, first: int, second: int) -> None:
    one, other = sorted((first % number + 1, second % number + 1))
    if one == other:
        return
    with transaction.atomic():
        write(number)
        Event.objects.filter(id=one).update(id=-1)
        Event.objects.filter(id=other).update(id=one)
        Event.objects.filter(id=-1).update(id=other)
        found = first_break()
        transaction.set_rollback(True)
    assert found is not None
    assert found.event_id == one


def test_truncated_log_is_detected() -> None:
    write(4)
    remove(id__gte=3)
    found = first_break()
    assert found is not None
    assert (found.event_id, "head says 4" in found.reason) == (3, True)


def test_an_event_before_the_first_is_found() -> None:
    write(2)
    forged = Event.objects.get(id=1)
    forged.pk, forged._state.adding = -5, True
    forged.save()
    assert first_break() == Break(-5, "there is an event before the oldest one that should be left")


def test_log_that_grows_during_verification_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.verification.BATCH", 1)
    write(1)
    walk = verify(PEPPERS)
    assert [next(walk), next(walk)] == [ChainPosition(0, GENESIS), ChainPosition(1, Event.objects.get().digest)]
    write(1)
    assert [found for found in walk if isinstance(found, Break)] == []


def test_a_head_that_was_changed_is_found() -> None:
    write(2)
    ChainHead.objects.update(last_id=1)
    assert first_break() is not None


def test_command_reports_and_exits() -> None:
    write(3)
    out = io.StringIO()
    call_command("verify_event_log", stdout=out)
    assert out.getvalue() == "The event log is intact: 3 events.\n"
    CHANGES["actor"](2)
    out = io.StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("verify_event_log", "--format", "json", stdout=out)
    assert caught.value.code == 2
    shown = json.loads(out.getvalue())
    assert (shown["holds"], shown["first_break"]["id"]) == (False, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events_event SET actor = 'user:mallory'",
        "DELETE FROM events_event",
    ],
)
def test_database_rejects_changes_of_events(statement: str) -> None:
    write(2)
    with connection.cursor() as cursor:
        for trigger in append_only.SQL[connection.vendor]:
            cursor.execute(trigger)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statement)
        for trigger in append_only.UNDO[connection.vendor]:
            cursor.execute(trigger)
    assert first_break() is None
