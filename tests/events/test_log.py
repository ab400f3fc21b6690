import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from events.chain import GENESIS, event_digest
from events.log import append, as_json
from events.models import AppendOnlyError, ChainHead, Event
from events.origin import Origin
from events.types import EventType

ORIGIN = Origin("command:test", "request-1")


def add(**data: object) -> Event:
    with transaction.atomic():
        return append(EventType.KEY_UPDATED, origin=ORIGIN, at=timezone.now(), key_id="lk_0123456789ab", data=data)


@pytest.mark.django_db
def test_each_digest_covers_the_one_before() -> None:
    events = [add(label=f"ä{number}") for number in range(3)]
    assert [event.id for event in events] == [1, 2, 3]
    previous = GENESIS
    for event in Event.objects.all():
        assert event.digest == event_digest(
            previous,
            event_id=event.id,
            type=event.type,
            at=event.at,
            actor=event.actor,
            request_id=event.request_id,
            key_id=event.key_id,
            data=event.data_json,
        )
        previous = event.digest
    assert ChainHead.objects.get().digest == previous


@pytest.mark.django_db
def test_event_is_rolled_back_with_its_change() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        append(EventType.KEY_UPDATED, origin=ORIGIN, at=timezone.now(), data={})
        raise ZeroDivisionError
    assert not Event.objects.exists()
    assert add().id == 1


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_appended() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        append(EventType.KEY_UPDATED, origin=ORIGIN, at=timezone.now(), data={})


@pytest.mark.django_db
def test_events_are_neither_changed_nor_deleted() -> None:
    event = add()
    event.actor = "user:mallory"
    with pytest.raises(AppendOnlyError):
        event.save()
    with pytest.raises(AppendOnlyError):
        event.delete()


@pytest.mark.django_db
def test_there_is_one_head() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ChainHead.objects.create(id=2, digest=GENESIS)


@pytest.mark.django_db
def test_json_has_the_public_members() -> None:
    shown = as_json(add(label="x"))
    assert list(shown) == ["id", "type", "at", "actor", "request_id", "key_id", "data", "digest"]
    assert str(shown["at"]).endswith("Z")


@pytest.mark.django_db
def test_digest_is_stable_for_all_numbers() -> None:
    numbers = [1e16, -0.0, 1e-7, 10**30, 0.1, 1.0, 2**63]
    add(metadata={"numbers": numbers, "text": "ä\u2028😀"})
    event = Event.objects.get()
    assert event.data["metadata"]["numbers"] == numbers
    assert event.digest == event_digest(
        GENESIS,
        event_id=1,
        type=event.type,
        at=event.at,
        actor=event.actor,
        request_id=event.request_id,
        key_id=event.key_id,
        data=event.data_json,
    )
