"""What one open stream sends, and what ends it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from api.event_stream.session import EventSession, SlowReader
from apikeys.errors import RevokedKey
from events.stream.frames import HEARTBEAT, OPENING, encode_position
from events.stream.stream import EventStream
from latchkey.credentials import Credential
from ratelimit.stores import BucketStoreError
from tests.events.stream.streams import Scene, scene

BEGUN = OPENING + encode_position(0)


class Client:
    """Takes what is sent, while `reading` is set."""

    def __init__(self) -> None:
        self.received = b""
        self.finished = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._news = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        self.received += message["body"]
        self.finished = not message["more_body"]
        self._news.set()

    async def has(self, text: bytes) -> None:
        """Returns when it has received `text`."""
        while text not in self.received:
            self._news.clear()
            await self._news.wait()


class FakeAuthorization:
    """An authorization with prepared results; once none is left, every check succeeds."""

    credential = Credential("lk_own", "")

    def __init__(self, *results: Exception) -> None:
        self.results = list(results)
        self.asked: list[bool] = []

    def reauthorize(self, *, refresh: bool) -> None:
        self.asked.append(refresh)
        if self.results:
            raise self.results.pop(0)


class InlineThreads:
    """Threads that run their work on the event loop."""

    async def run(self, work: Callable[[], Any]) -> Any:
        await asyncio.sleep(0)
        return work()


def session(stream: EventStream, client: Client, authorization: FakeAuthorization, **seconds: float) -> EventSession:
    return EventSession(stream, authorization, client.send, InlineThreads(), **seconds)  # type: ignore[arg-type]


@scene
async def test_events_are_sent_and_counted(scene: Scene) -> None:
    stream, client = scene.follow(), Client()
    one = session(stream, client, FakeAuthorization())
    running = asyncio.create_task(one.run())
    await client.has(BEGUN)
    scene.log.write(2)
    await scene.polls.once()
    await client.has(b"id: 2")
    stream.close()
    await running
    assert client.received == BEGUN + b"id: 1\n\nid: 2\n\n"
    assert (one.sent, one.denial, client.finished) == (2, None, True)


@scene
async def test_idle_stream_sends_heartbeats_and_reauthorizes(scene: Scene) -> None:
    stream, client, authorization = scene.follow(), Client(), FakeAuthorization()
    running = asyncio.create_task(
        session(stream, client, authorization, heartbeat_seconds=0.01, reauthorize_seconds=0.01).run()
    )
    await client.has(HEARTBEAT * 3)
    while len(authorization.asked) < 3:  # noqa: ASYNC110 - lets the session's own tasks run
        await asyncio.sleep(0)
    stream.close()
    await running
    assert not any(authorization.asked)


@scene
async def test_stream_ends_when_caller_is_denied(scene: Scene) -> None:
    stream, client = scene.follow(), Client()
    refused = RevokedKey("This key was revoked.")
    one = session(stream, client, FakeAuthorization(refused), reauthorize_seconds=0.01)
    await one.run()
    assert (one.denial, client.finished, client.received) == (refused, True, BEGUN)
    stream.close()


@scene
async def test_own_key_event_waits_for_reauthorization(scene: Scene) -> None:
    stream, client = scene.follow(own="lk_own"), Client()
    authorization = FakeAuthorization(RevokedKey("This key was revoked."))
    running = asyncio.create_task(session(stream, client, authorization).run())
    await client.has(BEGUN)
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    await running
    assert (client.received, client.finished, authorization.asked) == (BEGUN, True, [True])
    stream.close()


@scene
async def test_own_key_event_is_sent_if_still_authorized(scene: Scene) -> None:
    stream, client = scene.follow(own="lk_own"), Client()
    authorization = FakeAuthorization()
    running = asyncio.create_task(session(stream, client, authorization).run())
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    await client.has(b"id: 1")
    assert not stream.key_changed
    stream.close()
    await running
    assert authorization.asked == [True]


@scene
async def test_events_wait_while_authorization_is_unknown(scene: Scene) -> None:
    stream, client = scene.follow(own="lk_own"), Client()
    authorization = FakeAuthorization(
        OperationalError("away"), BucketStoreError("away"), InterfaceError("away"), TimeoutError()
    )
    one = session(stream, client, authorization, heartbeat_seconds=0.0, retry_seconds=0.0)
    running = asyncio.create_task(one.run())
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    await client.has(b"id: 1")
    assert client.received.index(HEARTBEAT) < client.received.index(b"id: 1")
    assert authorization.asked == [True] * 5
    stream.close()
    await running


class Hanging:
    """Threads on which work begins when `answered` is set."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.begun = asyncio.Event()

    async def run(self, work: Callable[[], Any]) -> Any:
        self.begun.set()
        await self.answered.wait()
        return work()


@scene
async def test_heartbeats_continue_during_slow_reauthorization(scene: Scene) -> None:
    stream, client, threads = scene.follow(own="lk_own"), Client(), Hanging()
    one = EventSession(stream, FakeAuthorization(), client.send, threads, heartbeat_seconds=0.01)  # type: ignore[arg-type]
    running = asyncio.create_task(one.run())
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    await threads.begun.wait()
    await client.has(HEARTBEAT * 3)
    threads.answered.set()
    await client.has(b"id: 1")
    stream.close()
    await running


@scene
async def test_heartbeats_continue_during_slow_read(scene: Scene) -> None:
    scene.log.write(1)
    answered = asyncio.Event()

    async def meanwhile() -> None:
        await answered.wait()

    scene.log.meanwhile = meanwhile
    stream, client = scene.follow(0), Client()
    running = asyncio.create_task(session(stream, client, FakeAuthorization(), heartbeat_seconds=0.01).run())
    await client.has(HEARTBEAT * 3)
    answered.set()
    await client.has(b"id: 1")
    stream.close()
    await running


@scene
async def test_stream_can_end_during_reauthorization(scene: Scene) -> None:
    stream, client, threads = scene.follow(own="lk_own"), Client(), Hanging()
    one = EventSession(stream, FakeAuthorization(), client.send, threads)  # type: ignore[arg-type]
    running = asyncio.create_task(one.run())
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    await threads.begun.wait()
    stream.end()
    await running
    assert (client.received, client.finished) == (BEGUN, True)
    stream.close()


@scene
async def test_key_change_during_reauthorization_repeats_it(scene: Scene) -> None:
    stream, client, threads = scene.follow(own="lk_own"), Client(), Hanging()
    authorization = FakeAuthorization()
    one = EventSession(stream, authorization, client.send, threads)  # type: ignore[arg-type]
    running = asyncio.create_task(one.run())
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    await threads.begun.wait()
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    threads.answered.set()
    await client.has(b"id: 1")
    assert authorization.asked == [True, True]
    stream.close()
    await running


@scene
async def test_denied_caller_gets_no_more_replayed_events(scene: Scene) -> None:
    scene.log.write(250)
    stream, client = scene.follow(0, own="lk_own"), Client()
    client.reading.clear()
    authorization = FakeAuthorization(RevokedKey("This key was revoked."))
    running = asyncio.create_task(session(stream, client, authorization).run())
    scene.log.write(1, key_id="lk_own")
    await scene.polls.once()
    client.reading.set()
    await running
    assert (client.received, client.finished, authorization.asked) == (BEGUN, True, [True])
    stream.close()


@scene
async def test_replay_waits_while_database_is_down(scene: Scene) -> None:
    scene.log.write(3)
    scene.log.broken = True
    stream, client = scene.follow(0), Client()
    running = asyncio.create_task(session(stream, client, FakeAuthorization(), retry_seconds=0.0).run())
    await client.has(BEGUN)
    scene.log.broken = False
    await client.has(b"id: 3")
    assert client.received == BEGUN + b"id: 1\n\nid: 2\n\nid: 3\n\n"
    stream.close()
    await running


@scene
async def test_slow_client_is_disconnected(scene: Scene) -> None:
    stream, client = scene.follow(), Client()
    client.reading.clear()
    with pytest.raises(SlowReader):
        await session(stream, client, FakeAuthorization(), max_send_seconds=0.01).run()
    stream.close()


@scene
async def test_stream_reports_its_start(scene: Scene) -> None:
    scene.log.write(3)
    for position, resume_id in ((None, 3), (0, 0), (2, 2)):
        stream, client = scene.follow(position), Client()
        stream.end()
        await session(stream, client, FakeAuthorization()).run()
        stream.close()
        assert client.received == OPENING + encode_position(resume_id)
