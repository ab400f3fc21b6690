"""What is told of an outage: who waited for how long, and in which of its phases."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from benchmarks.failure import CouldNotMeasure
from benchmarks.load import Load
from benchmarks.outage import of_fallback
from benchmarks.outage.course import Course, Moments, course_of
from benchmarks.outage.pace import Answer, Pace
from benchmarks.outage.relay import Relay
from tests.support.threaded_server import served

REQUEST = b"GET /v1/check HTTP/1.1\r\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
MOMENTS = Moments(lost=10.0, returned=20.0, back=21.0)
SECONDS = 0.2


class Watch:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def answering(watch: Watch, seconds: float) -> Iterator[Load]:
    """One connection to a server whose answers take so many seconds of the watch."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        while theirs.recv(len(REQUEST)):
            watch.now += seconds
            theirs.sendall(ANSWER)

    server = Thread(target=serve, daemon=True)
    server.start()
    with theirs:
        with Load([ours]) as load:
            yield load
        server.join(10)


def seconds_of_answers(each: float) -> list[Answer]:
    """Three requests at ten a second."""
    watch, turns = Watch(), iter([True, True, True, False])
    with answering(watch, each) as load:
        return Pace(load, REQUEST, 10, watch).run(lambda: next(turns, False))


def test_requests_are_due_at_the_rate_and_a_wait_for_a_connection_counts() -> None:
    assert seconds_of_answers(0.25) == [
        (0.0, 0.25, 204),
        (0.1, pytest.approx(0.4), 204),
        (0.2, pytest.approx(0.55), 204),
    ]


def test_no_request_is_sent_before_it_is_due() -> None:
    assert seconds_of_answers(0.0) == [(0.0, 0.0, 204)]


def test_answers_belong_to_the_phase_in_which_they_were_due() -> None:
    before = [Answer(1.0, 0.001, 204), Answer(9.99, 0.001, 204)]
    during = [Answer(10.0, 0.06, 204), Answer(15.0, 0.002, 204), Answer(20.5, 0.002, 503)]
    after = [Answer(21.0, 0.003, 204), Answer(22.0, 0.003, 204)]
    course = course_of([*during, *after, *before], MOMENTS)
    assert course.p50 == pytest.approx({"before": 1, "during": 2, "after": 3})
    assert (course.asked, course.failed, course.late, course.return_seconds) == (7, 1, 1, 1.0)


def test_an_answer_that_is_no_decision_measures_nothing() -> None:
    with pytest.raises(CouldNotMeasure, match="429"):
        course_of([Answer(1.0, 0.001, 429)], MOMENTS)


def course(p99: float = 20.0, failed: int = 0, seconds: float = 1.0) -> Course:
    latencies = {"before": 1.0, "during": p99, "after": 1.0}
    return Course(p50=latencies, p99=latencies, asked=1000, failed=failed, late=0, return_seconds=seconds)


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (course(), set()),
        (course(p99=50.0), {"outage-local-p99"}),
        (course(failed=1), {"outage-local-5xx"}),
        (course(seconds=5.01), {"outage-local-return"}),
    ],
)
def test_conditions(found: Course, fails: set[str]) -> None:
    sections = of_fallback("local", {"killed": [course(), found, found]})
    assert {section.name for section in sections if not section.holds} == fails
    assert sum(len(section.conditions) for section in sections) == 3


def test_relay_drops_what_is_sent_and_who_connects_and_delivers_later() -> None:
    with served(_echo) as port:
        asyncio.run(asyncio.wait_for(relayed(port), 10))


async def relayed(echo: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = listener.getsockname()[1]
    relay = Relay(listener, echo)
    await relay.pass_on()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"one")
    assert await reader.read(10) == b"one"
    await relay.drop()
    writer.write(b"two")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(10), SECONDS)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), SECONDS)
    await relay.pass_on()
    assert await reader.read(10) == b"two"
    another, closing = await asyncio.open_connection("127.0.0.1", port)
    closing.write(b"three")
    assert await another.read(10) == b"three"
    await relay.end()
    assert [await one.read(10) for one in (reader, another)] == [b"", b""]
    for open_writer in (writer, closing):
        open_writer.close()
        await open_writer.wait_closed()


def _echo(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(10):
            connection.sendall(data)
