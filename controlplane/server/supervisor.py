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


class Supervisor:
    """Ends when the web server ends, with its status; starts the steward, if there is to be one, again where it fell
    over. Runs the health check once an hour, where there is one: a key that nobody uses would be taken for one of a
    server that is no more.
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
        steward = self._steward.start() if self._steward else None
        steward_due = 0.0
        check_due = time.monotonic() + SELF_CHECK_SECONDS
        while web.poll() is None and not self._stopping:
            if self._steward and steward and steward.poll() is not None and time.monotonic() >= steward_due:
                log.error("steward_ended", status=steward.returncode)
                steward = self._steward.start()
                steward_due = time.monotonic() + STEWARD_PAUSE_SECONDS
            if self._self_check and time.monotonic() >= check_due:
                self._self_check.start()  # its end is seen by the next start of a process
                check_due = time.monotonic() + SELF_CHECK_SECONDS
            reap_orphans([process.pid for process in (web, steward) if process])
            time.sleep(POLL_SECONDS)
        _end([process for process in (web, steward) if process])
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
