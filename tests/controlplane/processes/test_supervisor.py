"""Steward supervisor: restarts a steward that ended or hangs, and only then."""

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
    StewardSupervisor,
)
from tests.support.waiting import wait_until

POLLS_UNTIL_HUNG = int(STEWARD_HUNG_AFTER_SECONDS / POLL_SECONDS) + 1


class Kept:
    """A supervisor whose stewards are processes that do nothing, with a clock and a heartbeat that tests move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.beats = 0
        self.started: list[BaseProcess] = []
        self.supervisor = StewardSupervisor(self.start, lambda: self.beats, elapsed=lambda: self.now)

    def start(self) -> BaseProcess:
        process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
        process.start()
        self.started.append(process)
        return process

    def poll_when_due(self) -> None:
        self.now += STEWARD_PAUSE_SECONDS
        self.supervisor.poll()


@pytest.fixture
def kept() -> Iterator[Kept]:
    found = Kept()
    yield found
    for process in found.started:
        process.kill()
        process.join()


def test_steward_starts_after_delay(kept: Kept) -> None:
    kept.supervisor.poll()
    assert kept.started == []
    kept.poll_when_due()
    kept.poll_when_due()
    assert len(kept.started) == 1


def test_steward_with_heartbeat_is_kept(kept: Kept) -> None:
    kept.poll_when_due()
    for _ in range(3 * POLLS_UNTIL_HUNG):
        kept.beats += 1
        kept.supervisor.poll()
    assert kept.started[0].is_alive()


def test_hung_steward_is_replaced(kept: Kept) -> None:
    kept.poll_when_due()
    pid = kept.started[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with capture_logs() as logs:
        for _ in range(POLLS_UNTIL_HUNG):
            kept.supervisor.poll()
        assert kept.started[0].exitcode == -signal.SIGKILL
        kept.poll_when_due()
    assert [line["event"] for line in logs] == ["steward_hung", "steward_ended"]
    assert len(kept.started) == 2
    kept.supervisor.poll()
    assert kept.started[1].is_alive(), "the silence of the one before is not counted against it"


def test_paused_server_does_not_kill_steward(kept: Kept) -> None:
    kept.poll_when_due()
    kept.now += 100 * STEWARD_HUNG_AFTER_SECONDS
    kept.supervisor.poll()
    assert kept.started[0].is_alive()


def test_ended_steward_is_restarted(kept: Kept) -> None:
    kept.poll_when_due()
    kept.started[0].kill()
    wait_until(lambda: kept.started[0].exitcode is not None, "its end")
    kept.poll_when_due()
    assert len(kept.started) == 2
