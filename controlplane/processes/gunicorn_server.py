"""`python -m controlplane.processes.gunicorn_server`: gunicorn with Latchkey's settings only.

gunicorn's own command reads GUNICORN_CMD_ARGS, which can override what `manage.py serve` has checked, such as the
number of workers that a bucket store supports.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.sock import UnixSocket
from gunicorn.util import import_app

from controlplane.processes import gunicorn_conf
from httpserver.shutdown_barrier import ShutdownBarrier

APPLICATION: Final = "controlplane.asgi:application"
# Well above one second, the interval at which gunicorn checks its workers.
_PAUSE_SECONDS: Final = 10.0


class WebServer(BaseApplication):  # type: ignore[misc]
    """gunicorn application that takes its settings from `gunicorn_conf`.

    Each worker imports `application`, given as "module:attribute". `listening` is the Unix socket that `serve` opened,
    if it did.
    """

    def __init__(self, application: str, listening: socket.socket | None = None) -> None:
        self._application = application
        self._listening = listening
        super().__init__()

    def load_config(self) -> None:
        for name, value in vars(gunicorn_conf).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        loaded: Callable[..., Any] = import_app(self._application)
        return loaded

    def run(self) -> None:
        arbiter = PauseTolerantArbiter(self)
        if self._listening is not None:
            path, descriptor = self._listening.getsockname(), os.dup(self._listening.fileno())
            # gunicorn opens no other then.
            arbiter.LISTENERS = [UnixSocket(path, self.cfg, arbiter.log, fd=descriptor)]
        arbiter.run()


class PauseTolerantArbiter(Arbiter):  # type: ignore[misc]
    """gunicorn arbiter that doesn't mistake a paused machine for hung workers.

    After `podman pause` or a suspended host, every worker seems to have hung for that long. If this process itself
    has not run for _PAUSE_SECONDS, the workers get gunicorn's full timeout again.
    """

    LISTENERS: list[Any]

    def __init__(self, app: WebServer) -> None:
        super().__init__(app)
        self._checked_at = self._no_kill_before = time.monotonic()
        self.barrier = ShutdownBarrier()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers. They wait for each other, but not for this process."""
        self.barrier.mark_ready()
        # gunicorn would remove the file of a Unix socket now, while the workers still accept connections, or systemd
        # listens there for the next process.
        for listener in self.LISTENERS:
            listener.close()
        self.LISTENERS = []
        super().stop(graceful)

    def murder_workers(self) -> None:
        """Kill hung workers, except after a pause of the whole machine."""
        now = time.monotonic()
        if now - self._checked_at > _PAUSE_SECONDS:
            self._no_kill_before = now + self.timeout
        self._checked_at = now
        if now >= self._no_kill_before:
            super().murder_workers()


if __name__ == "__main__":
    WebServer(sys.argv[1] if len(sys.argv) > 1 else APPLICATION).run()
