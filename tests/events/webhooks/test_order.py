"""Each endpoint gets its events in order, at least once, whatever fails."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apikeys.peppers import configured_peppers
from events.models import ChainHead, Event, WebhookEndpoint
from events.types import EventType
from events.webhooks import dispatcher as dispatcher_module
from events.webhooks.dispatcher import Dispatcher
from events.webhooks.service import WebhookService
from tests.events.webhooks.conftest import Now, add_event
from tests.events.webhooks.receiver import Receiver, after, status

pytestmark = pytest.mark.django_db(transaction=True)
Play = Callable[[], None]


def cursor() -> int:
    return WebhookEndpoint.objects.get().delivered_through


def test_later_events_are_delivered_in_order(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    add_event()
    endpoints.add({"url": receiver.url})
    ids = [add_event().id for _ in range(5)]
    play()
    assert receiver.event_ids == ids == [3, 4, 5, 6, 7]
    assert cursor() == 7
    play()
    assert len(receiver.deliveries) == 5


def test_failed_event_is_sent_before_later_ones(
    endpoints: WebhookService, receiver: Receiver, play: Play, now: Now
) -> None:
    endpoints.add({"url": receiver.url})
    for _ in range(3):
        add_event()
    receiver.responses = [status(200), status(500), status(503), status(200)]
    for _ in range(3):
        play()
        now.move(hours=1)
    assert receiver.event_ids == [2, 3, 3, 3, 4]
    names = [delivery.headers["webhook-id"] for delivery in receiver.deliveries]
    assert names == ["evt_2", "evt_3", "evt_3", "evt_3", "evt_4"]
    stamps = [int(delivery.headers["webhook-timestamp"]) for delivery in receiver.deliveries]
    assert stamps[2] - stamps[1] == 3600
    assert cursor() == 4


def test_crash_before_recording_repeats_the_event(
    endpoints: WebhookService, receiver: Receiver, play: Play, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints.add({"url": receiver.url})
    add_event()
    add_event()

    def killed(*args: Any) -> str:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(dispatcher_module, "record_attempt", killed)
        play()
    assert (receiver.event_ids, cursor()) == ([2], 1)
    asyncio.run(Dispatcher(configured_peppers(), lambda: True, now=now).run_once())
    assert receiver.event_ids == [2, 2, 3]
    assert cursor() == 3


def test_cursor_skips_filtered_events(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoints.add({"url": receiver.url, "event_types": ["KeyRevoked", "KeyIssued"]})
    kinds = [EventType.KEY_UPDATED, EventType.KEY_REVOKED, EventType.KEY_UPDATED, EventType.KEY_ISSUED]
    ids = [add_event(kind).id for kind in [*kinds, EventType.KEY_UPDATED]]
    play()
    assert receiver.event_ids == [ids[1], ids[3]]
    assert cursor() == ids[-1]


def test_pruned_events_are_skipped(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoints.add({"url": receiver.url})
    for _ in range(4):
        add_event()
    Event.objects.filter(id__lte=3)._raw_delete(connection.alias)
    play()
    assert receiver.event_ids == [4, 5]
    Event.objects.all()._raw_delete(connection.alias)
    ChainHead.objects.update(last_id=9)
    play()
    assert cursor() == 9


def test_cursor_moved_by_another_process_stays(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoints.add({"url": receiver.url})
    add_event()
    add_event()

    def move() -> None:
        WebhookEndpoint.objects.update(delivered_through=3)
        connection.close()

    receiver.responses = [after(move, status(204))]
    play()
    assert receiver.event_ids == [2]
    assert cursor() == 3
