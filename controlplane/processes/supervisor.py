"""Process supervisor: runs the web server and the steward, and stops both together."""

import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Final

import structlog

from controlplane.processes.children import Program, reap_orphans
from health.scheduler.heartbeat import default_heartbeat
from httpserver.readiness import Readiness

POLL_SECONDS: Final = 0.2
STEWARD_PAUSE_SECONDS: Final = 2.0
SELF_CHECK_SECONDS: Final = 3600.0
STEWARD_HUNG_AFTER_SECONDS: Final = 45.0
# Containers are killed after 10 seconds.
GRACE_SECONDS: Final = 9.0

log = structlog.get_logger(__name__)


class StewardKeeper:
    """Supervisor of the steward: starts it, and starts another one if it ends or hangs.

    The first start is delayed by STEWARD_PAUSE_SECONDS, so that the web server, which people wait for, starts
    first. `beats` returns the steward's heartbeat counter.
    """

    def __init__(
        self,
        start: Callable[[], BaseProcess],
        beats: Callable[[], int],
        *,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._beats = beats
        self._elapsed = elapsed
        self._due = elapsed() + STEWARD_PAUSE_SECONDS
        self._heard = 0
        self._silent_polls = 0
        self.process: BaseProcess | None = None

    def look(self) -> None:
        """Start, restart or kill the steward, as needed. Call this every POLL_SECONDS."""
        status = None if self.process is None else self.process.exitcode
        if self.process is not None and status is None:
            self._end_if_hung(self.process)
            return
        if self._elapsed() < self._due:
            return
        if status is not None:
            log.error("steward_ended", status=status)
        self.process = self._start()
        self._silent_polls = 0
        self._due = self._elapsed() + STEWARD_PAUSE_SECONDS

    def _end_if_hung(self, process: BaseProcess) -> None:
        """Kill the steward if its heartbeat counter has not changed for STEWARD_HUNG_AFTER_SECONDS."""
        # Count polls instead of time: if the whole server was paused, the steward could not update its counter either.
        beats = self._beats()
        self._silent_polls = self._silent_polls + 1 if beats == self._heard else 0
        self._heard = beats
        if self._silent_polls * POLL_SECONDS < STEWARD_HUNG_AFTER_SECONDS:
            return
        log.error("steward_hung", silent_seconds=STEWARD_HUNG_AFTER_SECONDS)
        # Not terminate(): a stopped process (SIGSTOP) reacts to SIGKILL only.
        process.kill()
        process.join()


class Supervisor:
    """Supervisor of a server's processes. It ends when the web server ends, with the same exit status.

    It keeps the steward running, if there is one. It runs `self_check` once an hour, if there is one. It calls
    `on_ready` once, when a worker accepts requests, if there is a `readiness`. `delay_seconds` is how long the web
    server continues to serve after it was asked to stop.
    """

    def __init__(
        self,
        web: Program,
        steward: Program | None,
        self_check: Program | None = None,
        *,
        readiness: Readiness | None = None,
        on_ready: Callable[[], None] = lambda: None,
        delay_seconds: float = 0.0,
    ) -> None:
        self._web = web
        self._grace_seconds = delay_seconds + GRACE_SECONDS
        self._readiness = readiness
        self._on_ready = on_ready
        self._steward = steward
        self._self_check = self_check
        self._stopping = False

    def run(self) -> int:
        """Run until the web server ends, or until SIGTERM, SIGINT or SIGHUP. Return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        web = self._web.start()
        steward = StewardKeeper(self._steward.start, default_heartbeat().beats) if self._steward else None
        check_due = time.monotonic() + SELF_CHECK_SECONDS
        check: BaseProcess | None = None
        running: list[BaseProcess] = [web]
        while web.exitcode is None and not self._stopping:
            if self._readiness and self._readiness.reached():
                self._readiness = None
                self._on_ready()
            if steward:
                steward.look()
                running = [web, steward.process] if steward.process else [web]
            # The check uses its key. An unused system key would be treated as one of a server that no longer exists.
            if self._self_check and time.monotonic() >= check_due:
                check = self._self_check.start()
                check_due = time.monotonic() + SELF_CHECK_SECONDS
            if check and check.exitcode is not None:
                check = None
            reap_orphans([process.pid for process in (*running, check) if process and process.pid])
            time.sleep(POLL_SECONDS)
        _end(running, self._grace_seconds)
        status = web.exitcode
        if self._stopping or status is None:
            return 0
        return status if status >= 0 else 128 - status

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _end(processes: Sequence[BaseProcess], grace_seconds: float) -> None:
    """Stop the processes one after the other, and kill each that has not stopped after `grace_seconds` in total."""
    deadline = time.monotonic() + grace_seconds
    # In order: the web server first, then the steward, which records what the last requests used.
    for process in processes:
        process.terminate()
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()
