"""Old events are signed off and pruned in one step; what stays verifies, and nothing can be slipped in below."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.chain_verification import Break
from events.checkpoints import prune
from events.integrity_scan import scan_next_batch
from events.models import Event, Patrol, Seal
from latchkey.peppers import parse_peppers
from tests.conftest import append_only
from tests.events.test_verification import CHANGES, PEPPERS, START, first_break, remove, write

pytestmark = pytest.mark.django_db
NOW = START + timedelta(days=100)


def prune_to(number: int, keep_from: int | None = None) -> int | Break:
    """Prunes the first `number` of the events that `write` made, a second apart."""
    return prune(START + timedelta(seconds=number), keep_from=keep_from, peppers=PEPPERS, now=NOW)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.checkpoints.SEGMENT", 3)


def test_pruned_log_verifies_from_its_last_checkpoint() -> None:
    write(10)
    assert prune_to(7) == 7
    assert [(seal.first_id, seal.last_id) for seal in Seal.objects.order_by("id")] == [(1, 3), (4, 6), (7, 7)]
    assert list(Event.objects.values_list("id", flat=True)) == [8, 9, 10]
    assert first_break() is None
    assert prune_to(7) == 0
    assert prune_to(100) == 3
    assert not Event.objects.exists()
    assert first_break() is None
    assert first_break() is None


def test_undelivered_events_are_not_pruned() -> None:
    write(10)
    assert prune_to(9, keep_from=5) == 4
    assert Event.objects.order_by("id")[0].id == 5


def test_pruning_stops_at_the_first_young_event() -> None:
    write(4)
    Event.objects.filter(id=2).update(at=NOW)  # the clock stepped
    assert isinstance(prune_to(4), int)
    assert Event.objects.order_by("id")[0].id == 2


def test_broken_segment_is_not_signed() -> None:
    write(6)
    CHANGES["actor"](5)
    assert prune_to(6) == Break(5, "its content does not match its digest")
    assert list(Event.objects.values_list("id", flat=True)) == [4, 5, 6], "the segment before it is right"


@pytest.mark.slow("tries many examples")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(4, 9), pruned=st.integers(1, 9), data=st.data())
def test_any_change_of_a_pruned_log_is_detected(number: int, pruned: int, data: st.DataObject) -> None:
    with transaction.atomic():
        write(number)
        prune_to(min(pruned, number - 1))
        kept = list(Event.objects.order_by("id").values_list("id", flat=True))
        assert first_break() is None
        victim = data.draw(st.sampled_from(kept))
        name = data.draw(st.sampled_from([*CHANGES, "removed"]))
        if name == "removed":
            remove(id=victim)
        else:
            CHANGES[name](victim)
        broken = first_break()
        assert broken is not None
        assert broken.event_id <= victim
        transaction.set_rollback(True)


def forged_row() -> None:
    Event.objects.create(
        id=2,
        type="KeyIssued",
        at=START,
        actor="user:mallory",
        request_id="r",
        key_id="",
        data_json="{}",
        digest="0" * 64,
    )


SEAL_CHANGES: dict[str, Callable[[], object]] = {
    "digest": lambda: Seal.objects.filter(last_id=6).update(digest="0" * 64),
    "signature": lambda: Seal.objects.filter(last_id=3).update(signature="0" * 64),
    "time": lambda: Seal.objects.filter(last_id=3).update(sealed_at=NOW + timedelta(seconds=1)),
    "one dropped": lambda: Seal.objects.filter(last_id=3).delete(),
    "the last dropped": lambda: Seal.objects.filter(last_id=6).delete(),
    "a row below": forged_row,
    "pepper": lambda: Seal.objects.filter(last_id=3).update(pepper_id="gone"),
    "one added": lambda: Seal.objects.create(
        first_id=7, last_id=8, previous_digest=Seal.objects.get(last_id=6).digest, digest=Event.objects.get(id=8).digest,
        sealed_at=NOW, pepper_id="t1", signature="0" * 64,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEAL_CHANGES)
def test_changed_checkpoint_is_detected(name: str) -> None:
    write(9)
    prune_to(6)
    SEAL_CHANGES[name]()
    assert first_break() is not None


def test_checkpoint_with_another_pepper_is_rejected() -> None:
    write(4)
    prune(NOW, keep_from=None, peppers=parse_peppers("t1:" + "33" * 32), now=NOW)
    broken = first_break()
    assert broken
    assert "invalid signature" in broken.reason


def test_database_deletes_only_signed_events() -> None:
    write(6)
    with connection.cursor() as cursor:
        for trigger in append_only.SQL[connection.vendor]:
            cursor.execute(trigger)
        try:
            assert prune_to(3) == 3
            for statement in (
                "DELETE FROM events_event WHERE id = 4",
                "DELETE FROM events_seal",
                "UPDATE events_seal SET last_id = 6",
            ):
                with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                    cursor.execute(statement)
        finally:
            for trigger in append_only.UNDO[connection.vendor]:
                cursor.execute(trigger)
    assert first_break() is None


def test_a_row_that_cannot_be_read_is_a_break() -> None:
    write(3)
    with connection.cursor() as cursor:
        unreadable = "'infinity'" if connection.vendor == "postgresql" else "'2026-13-45 00:00:00'"
        cursor.execute(f"UPDATE events_event SET at = {unreadable} WHERE id = 2")
    assert first_break() in (
        Break(2, "its content cannot be read"),
        Break(2, "its content does not match its digest"),
    )
    assert scan_next_batch(PEPPERS, now=NOW) is None
    assert scan_next_batch(PEPPERS, now=NOW) is not None


def walk_round() -> Break | None:
    """One whole round of the patrol, which ends with a break or the end of the log."""
    while True:
        broken = scan_next_batch(PEPPERS, now=NOW)
        if broken or Patrol.objects.get().digest == "":
            return broken


def test_scan_finds_a_break_and_clears_it_after_a_full_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.verification.BATCH", 2)
    write(7)
    assert walk_round() is None
    assert Patrol.objects.get().finished_at == NOW
    good = Event.objects.get(id=5).actor
    CHANGES["actor"](5)
    assert walk_round() == Break(5, "its content does not match its digest")
    assert Patrol.objects.get().broken_at == 5
    assert scan_next_batch(PEPPERS, now=NOW) is None
    assert Patrol.objects.get().broken_at == 5, "a part of a round clears nothing"
    Event.objects.filter(id=5).update(actor=good)
    assert walk_round() is None
    assert Patrol.objects.get().broken_at is None


def test_scan_continues_while_the_log_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.verification.BATCH", 2)
    write(9)
    assert scan_next_batch(PEPPERS, now=NOW) is None
    assert scan_next_batch(PEPPERS, now=NOW) is None
    prune_to(8)
    write(1)
    assert walk_round() is None
    assert walk_round() is None
    assert Patrol.objects.get().broken_at is None
