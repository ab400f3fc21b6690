"""Live streams over one hub: every event once, in order, whatever the reader does meanwhile."""

import asyncio
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from events.event_filter import ALL_EVENTS
from events.stream.hub import MAX_POLL_SECONDS, POLL_SECONDS
from events.stream.ring_buffer import MAX_FRAMES
from events.stream.start import StreamStart
from events.stream.stream import EventStream
from tests.events.stream.streams import Scene, ids, scene


@scene
async def test_many_streams_read_the_log_once(scene: Scene) -> None:
    streams = [scene.follow() for _ in range(50)]
    scene.log.write(3)
    await scene.polls.once()
    for stream in streams:
        assert await ids(stream) == [1, 2, 3]
        assert await ids(stream) == []
        stream.close()
    assert scene.log.reads == 1


@scene
async def test_stream_starts_now_by_default(scene: Scene) -> None:
    scene.log.write(5)
    first = scene.follow()
    scene.log.write(2)
    late = scene.follow()  # knows of more than the hub has read
    scene.log.write()
    await scene.polls.once()
    assert await ids(first) == [6, 7, 8]
    assert await ids(late) == [8]
    first.close()
    late.close()


@scene
async def test_old_stream_reads_pages_then_the_ring(scene: Scene) -> None:
    scene.log.write(250)
    stream = scene.follow(20)
    scene.log.write(5)
    await scene.polls.once()
    assert await ids(stream) == list(range(21, 256))
    scene.log.write(1)
    await scene.polls.once()
    assert await ids(stream) == [256]
    stream.close()


@scene
async def test_events_during_a_page_read_arrive_once(scene: Scene) -> None:
    scene.log.write(150)
    stream = scene.follow(0)

    async def meanwhile() -> None:
        scene.log.write(3)
        await scene.polls.once()

    received: list[int] = []
    for _ in range(3):
        scene.log.meanwhile = meanwhile
        received += [frame.id for frame in await stream.next_batch(0.0)]
    scene.log.meanwhile = None
    await scene.polls.once()
    received += await ids(stream)
    assert received == list(range(1, len(scene.log.written) + 1))
    stream.close()


@scene
async def test_filtered_events_are_skipped_without_waiting(scene: Scene) -> None:
    stream = scene.follow(key_id="lk_a")
    scene.log.write(250, key_id="lk_b")
    scene.log.write(1)
    await scene.polls.once(3)
    async with asyncio.timeout(10):
        assert [frame.id for frame in await stream.next_batch(60.0)] == [251]
    stream.close()


@scene
async def test_slow_reader_continues_from_the_log(scene: Scene) -> None:
    slow = scene.follow()
    scene.log.write(MAX_FRAMES + 450)
    await scene.polls.once(20)
    assert not scene.hub.ring.covers_since(0)
    assert await ids(slow) == list(range(1, MAX_FRAMES + 451))
    slow.close()


@scene
async def test_large_events_come_a_few_at_a_time(scene: Scene) -> None:
    scene.log.write(30, size=100_000)
    past, now = scene.follow(0), scene.follow()
    scene.log.write(30, size=100_000)
    await scene.polls.once()
    assert [len(await stream.next_batch(0.0)) for stream in (past, now)] == [2, 2]
    assert await ids(past) == list(range(3, 61))
    assert await ids(now) == list(range(33, 61))
    past.close()
    now.close()


@scene
async def test_selection(scene: Scene) -> None:
    scene.log.write(120, key_id="lk_b")
    scene.log.write(1)
    past, now = scene.follow(0, key_id="lk_a"), scene.follow(key_id="lk_a", type="KeyRevoked")
    scene.log.write(2, key_id="lk_b")
    scene.log.write(1)
    scene.log.write(1, type="KeyRevoked")
    await scene.polls.once()
    assert await ids(past) == [121, 124, 125]
    assert await ids(now) == [125]
    past.close()
    now.close()


@scene
async def test_position_beyond_the_log_waits_for_it(scene: Scene) -> None:
    stream = scene.follow(3)
    scene.log.write(5)
    await scene.polls.once()
    assert await ids(stream) == [4, 5]
    stream.close()


@scene
async def test_failed_poll_is_retried_and_loses_nothing(scene: Scene) -> None:
    stream = scene.follow()
    scene.log.broken = True
    scene.log.write(2)
    await scene.polls.once(7)
    assert await ids(stream) == []
    assert scene.polls.pauses == [
        POLL_SECONDS,
        0.5,
        1.0,
        2.0,
        4.0,
        MAX_POLL_SECONDS,
        MAX_POLL_SECONDS,
        MAX_POLL_SECONDS,
    ]
    scene.log.broken = False
    scene.log.write(1)
    await scene.polls.once()
    assert scene.polls.pauses[-1] == POLL_SECONDS
    assert await ids(stream) == [1, 2, 3]
    stream.close()


@scene
async def test_waiting_stream_wakes_for_event_and_end(scene: Scene) -> None:
    stream = scene.follow()
    waiting = asyncio.create_task(stream.next_batch(60.0))
    scene.log.write()
    await scene.polls.once()
    assert [frame.id for frame in await waiting] == [1]
    waiting = asyncio.create_task(stream.next_batch(60.0))
    resting = asyncio.create_task(stream.sleep(60.0))
    await asyncio.sleep(0)
    stream.end()
    assert await waiting == []
    await resting
    stream.close()


@scene
async def test_own_key_event_is_noticed_if_filtered_out(scene: Scene) -> None:
    stream = scene.follow(type="KeyIssued", own="lk_own")
    scene.log.write(1, type="KeyRevoked", key_id="lk_other")
    await scene.polls.once()
    assert await stream.next_batch(0.0) == []
    touched = [stream.key_changed]
    scene.log.write(1, type="KeyRevoked", key_id="lk_own")
    await scene.polls.once()
    assert await stream.next_batch(60.0) == []
    assert [*touched, stream.key_changed] == [False, True]
    stream.close()


@scene
async def test_own_key_event_is_noticed_by_slow_streams(scene: Scene) -> None:
    scene.log.write(MAX_FRAMES + 450)
    behind = scene.follow(0, own="lk_own")
    selecting = scene.follow(0, type="KeyIssued", own="lk_own")
    other = scene.follow(0, own="lk_other")
    assert [len(await stream.next_batch(0.0)) for stream in (behind, selecting, other)] == [100, 100, 100]
    scene.log.write(1, type="KeyRevoked", key_id="lk_own")
    await scene.polls.once()
    assert [stream.key_changed for stream in (behind, selecting, other)] == [True, True, False]
    for stream in (behind, selecting, other):
        stream.close()


@scene
async def test_late_stream_assumes_its_key_changed(scene: Scene) -> None:
    """The hub does not send it again the events that were written after its caller was authorized."""
    first = scene.follow()
    scene.log.write(1)
    await scene.polls.once()
    late = EventStream(scene.hub, scene.log, StreamStart(ALL_EVENTS, 0, 0), own_key_id="lk_own")
    on_time = scene.follow(own="lk_own")
    assert [stream.key_changed for stream in (first, late, on_time)] == [False, True, False]
    for stream in (first, late, on_time):
        stream.close()


@scene
async def test_hub_forgets_200_streams_that_were_dropped(scene: Scene) -> None:
    streams = [scene.follow() for _ in range(200)]
    waiting = [asyncio.create_task(stream.next_batch(60.0)) for stream in streams]
    await asyncio.sleep(0)
    assert scene.hub.listeners == 200
    for stream in streams:
        stream.close()
    await asyncio.gather(*waiting)
    assert scene.hub.listeners == 0
    scene.log.write(9)
    again = scene.follow()
    scene.log.write(1)
    await scene.polls.once()
    assert await ids(again) == [10]
    again.close()


steps = st.lists(st.sampled_from(["write", "write many", "poll", "read", "page race"]), max_size=40)


@given(steps=steps, position=st.integers(0, 130))
def test_each_event_arrives_once_in_any_interleaving(steps: list[str], position: int) -> None:
    @scene
    async def play(scene: Scene) -> None:
        scene.log.write(130)
        stream = scene.follow(position)
        received: list[int] = []
        for step in steps:
            await take(scene, stream, step, received)
        scene.log.write()
        await scene.polls.once(1 + len(scene.log.written) // 100)
        received += await ids(stream)
        assert received == list(range(position + 1, len(scene.log.written) + 1))
        stream.close()

    play()


async def take(scene: Scene, stream: EventStream, step: str, received: list[int]) -> None:
    if step.startswith("write"):
        scene.log.write(400 if step.endswith("many") else 1)
    elif step == "poll":
        await scene.polls.once()
    else:
        scene.log.meanwhile = partial(poll_meanwhile, scene) if step == "page race" else None
        received += [frame.id for frame in await stream.next_batch(0.0)]
        scene.log.meanwhile = None


async def poll_meanwhile(scene: Scene) -> None:
    scene.log.write(2)
    await scene.polls.once()
