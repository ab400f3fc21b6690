"""Many endpoints at once, under one lease, for as long as the process lives."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection

from apikeys.peppers import configured_peppers
from events.models import WebhookEndpoint
from events.thread_pool import ThreadPool
from events.webhooks import dispatcher as dispatcher_module
from events.webhooks.dispatcher import Dispatcher
from events.webhooks.next_delivery import Delivery, due_endpoints, next_delivery
from events.webhooks.service import WebhookService
from tests.events.webhooks.conftest import Now, add_event
from tests.events.webhooks.receiver import PATIENCE_SECONDS, ReceivedDelivery, Receiver, after, status

pytestmark = pytest.mark.django_db(transaction=True)
Play = Callable[[], None]


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "INTERVAL_SECONDS", 0.01)


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[None]:
    """Run the dispatcher within the block. It must then stop when it is asked to, without being canceled."""
    stop = asyncio.Event()
    task = asyncio.create_task(dispatcher.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


def arrival(receiver: Receiver) -> Awaitable[ReceivedDelivery]:
    return asyncio.to_thread(receiver.wait)


def test_a_slow_endpoint_holds_up_no_other(
    endpoints: WebhookService, receiver: Receiver, other_receiver: Receiver, dispatcher: Dispatcher
) -> None:
    respond_now = threading.Event()
    receiver.responses = [after(partial(respond_now.wait, PATIENCE_SECONDS), status(204))]
    endpoints.add({"url": receiver.url})
    endpoints.add({"url": other_receiver.url})
    add_event()

    async def play() -> None:
        async with running(dispatcher):
            await arrival(receiver)
            await arrival(other_receiver)
            for _ in range(3):
                event = await dispatcher._database.run(add_event)  # the one connection that SQLite in memory bears
                assert (await arrival(other_receiver)).event["id"] == event.id
            assert len(receiver.deliveries) == 1
            respond_now.set()
            for _ in range(4):
                await arrival(receiver)

    asyncio.run(play())
    assert receiver.event_ids == [2, 3, 4, 5, 6]


def test_stop_finishes_only_the_current_attempt(
    endpoints: WebhookService, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    respond_now = threading.Event()
    receiver.responses = [after(partial(respond_now.wait, PATIENCE_SECONDS), status(204))]
    endpoints.add({"url": receiver.url})
    add_event()
    add_event()

    async def play() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(dispatcher.run(stop))
        await arrival(receiver)
        stop.set()
        respond_now.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)

    asyncio.run(play())
    assert receiver.event_ids == [2]
    assert WebhookEndpoint.objects.get().delivered_through == 2


def test_lease_is_checked_before_each_attempt(endpoints: WebhookService, receiver: Receiver, now: Now) -> None:
    endpoints.add({"url": receiver.url})
    for _ in range(5):
        add_event()
    asyncio.run(Dispatcher(configured_peppers(), lambda: False, now=now).run_once())
    assert receiver.deliveries == []
    asyncio.run(Dispatcher(configured_peppers(), lambda: len(receiver.deliveries) < 3, now=now).run_once())
    assert receiver.event_ids == [2, 3, 4]


def test_crash_pauses_only_its_endpoint(
    endpoints: WebhookService,
    receiver: Receiver,
    other_receiver: Receiver,
    play: Play,
    now: Now,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoints.add({"url": receiver.url})
    endpoints.add({"url": other_receiver.url, "event_types": ["KeyUpdated"]})
    add_event()

    broken = WebhookEndpoint.objects.get(url=receiver.url).pk

    def crash(pk: int, *args: Any) -> Delivery | None:
        if pk == broken:
            raise ZeroDivisionError
        return next_delivery(pk, *args)

    with monkeypatch.context() as patch:
        patch.setattr(dispatcher_module, "next_delivery", crash)
        play()
    assert other_receiver.event_ids == [3]
    assert "webhook_crashed" in caplog.text
    play()
    assert receiver.deliveries == []
    now.move(minutes=1)
    play()
    assert receiver.event_ids == [2, 3]


def test_database_failure_is_retried(
    endpoints: WebhookService, receiver: Receiver, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints.add({"url": receiver.url})
    add_event()
    failures = [OperationalError("away")] * 3

    def away(*args: Any) -> list[int]:
        if failures:
            raise failures.pop()
        return due_endpoints(*args)

    monkeypatch.setattr(dispatcher_module, "due_endpoints", away)

    async def play() -> None:
        async with running(dispatcher):
            await arrival(receiver)

    asyncio.run(play())
    assert receiver.event_ids == [2]


def test_removed_endpoint_gets_no_more_events(endpoints: WebhookService, receiver: Receiver, play: Play) -> None:
    endpoint_id = endpoints.add({"url": receiver.url}).endpoint.endpoint_id
    add_event()
    add_event()

    def remove() -> None:
        endpoints.remove(endpoint_id)
        connection.close()

    receiver.responses = [after(remove, status(204))]
    play()
    assert receiver.event_ids == [2]


def test_unresponsive_database_gets_a_new_thread(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silence, rounds = threading.Event(), iter([True, False])
    asked_again = threading.Event()

    def silent(*args: Any) -> list[int]:
        if next(rounds, False):
            silence.wait()
        else:
            asked_again.set()
        return []

    monkeypatch.setattr(dispatcher_module, "due_endpoints", silent)
    monkeypatch.setattr(dispatcher, "_database", ThreadPool("test", 1, timeout_seconds=0.02))

    async def play() -> None:
        async with running(dispatcher):
            assert await asyncio.to_thread(asked_again.wait, PATIENCE_SECONDS)

    try:
        asyncio.run(play())
    finally:
        silence.set()
    assert "webhook_round_failed" in caplog.text
