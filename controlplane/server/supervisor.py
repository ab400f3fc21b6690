"""Runs the web server and the steward side by side, and ends both together."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

import structlog

from controlplane.server.processes import die_with_parent, reap_orphans

POLL_SECONDS: Final = 0.2
STEWARD_PAUSE_SECONDS: Final = 2.0
SELF_CHECK_SECONDS: Final = 3600.0
GRACE_SECONDS: Final = 9.0  # containers are killed after 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """A command line, its environment, and descriptors that it keeps open."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    kept: tuple[int, ...] = ()

    def start(self) -> "subprocess.Popen[bytes]":
        """Starts it in a session of its own, so that Ctrl-C reaches it through the supervisor, once and in order."""
        return subprocess.Popen(  # noqa: S603 - our own command lines
            self.arguments,
            env=dict(self.environment),
            pass_fds=self.kept,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
        )


class _Steward:
    """The steward of a web server: started when that has had the processors to itself for a moment, as it is what
    people wait for, and again where it fell over.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._due = time.monotonic() + STEWARD_PAUSE_SECONDS
        self.process: subprocess.Popen[bytes] | None = None

    def see_to(self) -> None:
        """Starts it where it does not run and is due."""
        status = None if self.process is None else self.process.poll()
        runs = self.process is not None and status is None
        if runs or time.monotonic() < self._due:
            return
        if status is not None:
            log.error("steward_ended", status=status)
        self.process = self._program.start()
        self._due = time.monotonic() + STEWARD_PAUSE_SECONDS


class Supervisor:
    """Ends when the web server ends, with its status; sees to the steward, if there is to be one. Runs the health check
    once an hour, where there is one: a key that nobody uses would be taken for one of a server that is no more.
    """

    def __init__(self, web: Program, steward: Program | None, self_check: Program | None = None) -> None:
        self._web = web
        self._steward = steward
        self._self_check = self_check
        self._stopping = False

    def run(self) -> int:
        """Serves until SIGTERM, SIGINT or SIGHUP; returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        web = self._web.start()
        steward = _Steward(self._steward) if self._steward else None
        check_due = time.monotonic() + SELF_CHECK_SECONDS
        running = [web]
        while web.poll() is None and not self._stopping:
            if steward:
                steward.see_to()
                running = [web, steward.process] if steward.process else [web]
            if self._self_check and time.monotonic() >= check_due:
                self._self_check.start()  # its end is seen by the next start of a process
                check_due = time.monotonic() + SELF_CHECK_SECONDS
            reap_orphans([process.pid for process in running])
            time.sleep(POLL_SECONDS)
        _end(running)
        if self._stopping:
            return 0
        return web.returncode if web.returncode >= 0 else 128 - web.returncode

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _end(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
