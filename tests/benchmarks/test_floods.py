"""What a flood is, what its clients do, and how its effect is read off."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from threading import Event, Thread, Timer

import pytest

from benchmarks.floods import of_floods
from benchmarks.floods.attack import Attack
from benchmarks.floods.effect import Effect
from benchmarks.floods.flood import Flood
from benchmarks.floods.kinds import FLOODS
from benchmarks.floods.memory import memory_mb, processes_of
from benchmarks.floods.probe import PATIENCE_SECONDS, PER_SECOND, Responses, ask
from benchmarks.floods.target import STATUSES
from benchmarks.ports import free_port
from tests.support.threaded_server import served
from tests.support.waiting import wait_until

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
SECONDS = 0.2
ASKED = round(SECONDS * PER_SECOND)


def flood(*, connections: int, reads: bool = True, together: bool = False, addresses: int = 1) -> Flood:
    return Flood(
        "test", lambda _: repeat(REQUEST), connections, 200, reads=reads, together=together, addresses=addresses
    )


@contextmanager
def attacking(flood: Flood, port: int) -> Iterator[None]:
    """The flood, once its connections are open."""
    on, (control, end) = Event(), os.pipe()
    thread = Thread(target=Attack(flood, port).run, args=(on.set, control))
    thread.start()
    assert on.wait(10)
    yield
    os.close(end)
    thread.join(10)
    os.close(control)


@pytest.mark.parametrize("together", [False, True])
def test_clients_that_read_send_again(together: bool) -> None:
    arrived: list[int] = []

    def answer(connection: socket.socket) -> None:
        while connection.recv(len(REQUEST)):
            arrived.append(connection.getpeername()[1])
            connection.sendall(ANSWER)

    with served(answer) as port, attacking(flood(connections=4, together=together), port):
        wait_until(lambda: len(arrived) >= 12, "twelve requests")
    assert len(set(arrived)) == 4


@pytest.mark.parametrize("reads", [False, True])
def test_clients_that_are_disconnected_come_back(reads: bool) -> None:
    arrived: list[str] = []

    def hang_up(connection: socket.socket) -> None:
        connection.recv(len(REQUEST))
        arrived.append(connection.getpeername()[0])

    with served(hang_up) as port, attacking(flood(connections=4, reads=reads, addresses=2), port):
        wait_until(lambda: len(arrived) >= 12, "twelve connections")
    assert set(arrived) == {"127.0.0.1", "127.0.0.2"}


def test_clients_have_as_many_addresses_as_the_flood() -> None:
    many = flood(connections=2000, addresses=600)
    assert len({many.address(number) for number in range(2000)}) == 600


def test_floods_have_names_of_their_own() -> None:
    assert len({one.name for one in FLOODS}) == len(FLOODS)


def test_requests_do_not_wait_for_those_before_them() -> None:
    released = Event()

    def answer(connection: socket.socket) -> None:
        connection.recv(len(REQUEST))
        released.wait(10)
        connection.sendall(ANSWER)

    with served(answer) as port:
        Timer(SECONDS * 2, released.set).start()
        (responses,) = ask(port, {"/": REQUEST}, SECONDS).values()
    assert responses.statuses == (204,) * ASKED
    assert min(responses.seconds) > SECONDS / 2


def test_a_refused_request_has_no_status_and_is_late() -> None:
    refused = ask(free_port(), {"/": REQUEST}, SECONDS)["/"]
    assert refused.statuses == (0,) * ASKED
    assert min(refused.seconds) >= PATIENCE_SECONDS


def test_memory_is_that_of_all_descendants() -> None:
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE) as process:
        wait_until(lambda: len(processes_of(process.pid)) == 2, "the process of a process")
        found = processes_of(process.pid)
        wait_until(lambda: memory_mb(found) > memory_mb(found[:1]) > 0, "its memory")
        process.kill()
    wait_until(lambda: memory_mb(found) == 0, "no memory of those that ended")


def responses(milliseconds: float, late: int = 0, status: int = 200) -> Responses:
    """A hundred, of which so many took a second."""
    return Responses((status,) * 100, (milliseconds / 1000,) * (100 - late) + (1.0,) * late)


Change = Callable[[dict[str, Responses]], object]


def effect(
    change: Change = lambda _: None, *, idle_ms: float = 10, flooded_ms: float = 49, peak_mb: float = 140
) -> Effect:
    flooded = {path: responses(flooded_ms, 5, status) for path, status in STATUSES.items()}
    change(flooded)
    return Effect([{path: responses(idle_ms) for path in STATUSES}], flooded, 100, peak_mb)


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (effect(), set()),
        (effect(flooded_ms=51), {"floods-health", "floods-v1-check", "floods-v1-whoami"}),
        (effect(idle_ms=1, flooded_ms=24), set()),
        (effect(lambda found: found.update({"/health": responses(1, 6)})), {"floods-health"}),
        (effect(lambda found: found.update({"/v1/check": responses(1, status=503)})), {"floods-v1-check"}),
        (effect(peak_mb=151), {"floods-memory"}),
    ],
)
def test_conditions(found: Effect, fails: set[str]) -> None:
    sections = of_floods({"of old": [effect()], "of today": [found]})
    assert {section.name for section in sections if not section.holds} == fails
    assert all(len(section.conditions) == 2 for section in sections)


def test_idle_is_the_slowest_that_was_measured() -> None:
    beside = {path: responses(20) for path in STATUSES}
    found = effect(flooded_ms=99)
    assert found.share("/health") == 0
    assert Effect([*found.idle, beside], found.flooded, 100, 100).share("/health") == 0.95


def test_memory_that_is_not_given_back_counts_in_later_rounds() -> None:
    later = Effect(effect().idle, effect().flooded, 140, 180)
    (memory,) = [one for one in of_floods({"test": [effect(), later, later]}) if one.name == "floods-memory"]
    assert not memory.holds
