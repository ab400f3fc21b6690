"""The keeper of the steward: another one in place of one that ended or hangs, and no other."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import pytest
from structlog.testing import capture_logs

from controlplane.processes.supervisor import (
    POLL_SECONDS,
    STEWARD_HUNG_AFTER_SECONDS,
    STEWARD_PAUSE_SECONDS,
    StewardKeeper,
)
from tests.support.waiting import wait_until

LOOKS_UNTIL_HUNG = int(STEWARD_HUNG_AFTER_SECONDS / POLL_SECONDS) + 1


class Kept:
    """A keeper whose stewards are processes that do nothing, with a clock and a heartbeat that tests move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.beats = 0
        self.started: list[BaseProcess] = []
        self.keeper = StewardKeeper(self.start, lambda: self.beats, elapsed=lambda: self.now)

    def start(self) -> BaseProcess:
        process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
        process.start()
        self.started.append(process)
        return process

    def look_when_due(self) -> None:
        self.now += STEWARD_PAUSE_SECONDS
        self.keeper.look()


@pytest.fixture
def kept() -> Iterator[Kept]:
    found = Kept()
    yield found
    for process in found.started:
        process.kill()
        process.join()


def test_steward_begins_after_the_web_server(kept: Kept) -> None:
    kept.keeper.look()
    assert kept.started == []
    kept.look_when_due()
    kept.look_when_due()
    assert len(kept.started) == 1


def test_steward_that_beats_is_left_alone_however_long_it_works(kept: Kept) -> None:
    kept.look_when_due()
    for _ in range(3 * LOOKS_UNTIL_HUNG):
        kept.beats += 1
        kept.keeper.look()
    assert kept.started[0].is_alive()


def test_steward_that_is_stopped_is_replaced(kept: Kept) -> None:
    kept.look_when_due()
    pid = kept.started[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with capture_logs() as logs:
        for _ in range(LOOKS_UNTIL_HUNG):
            kept.keeper.look()
        assert kept.started[0].exitcode == -signal.SIGKILL
        kept.look_when_due()
    assert [line["event"] for line in logs] == ["steward_hung", "steward_ended"]
    assert len(kept.started) == 2
    kept.keeper.look()
    assert kept.started[1].is_alive(), "the silence of the one before is not counted against it"


def test_pause_of_the_whole_server_is_not_the_stewards_silence(kept: Kept) -> None:
    kept.look_when_due()
    kept.now += 100 * STEWARD_HUNG_AFTER_SECONDS
    kept.keeper.look()
    assert kept.started[0].is_alive()


def test_steward_that_fell_over_is_started_again(kept: Kept) -> None:
    kept.look_when_due()
    kept.started[0].kill()
    wait_until(lambda: kept.started[0].exitcode is not None, "its end")
    kept.look_when_due()
    assert len(kept.started) == 2
