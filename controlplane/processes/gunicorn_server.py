"""`python -m controlplane.processes.gunicorn_server`: gunicorn with Latchkey's settings only.

gunicorn's own command reads GUNICORN_CMD_ARGS, which can override what `manage.py serve` has checked, such as the
number of workers that a bucket store supports.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.util import import_app

from controlplane.processes import gunicorn_conf
from httpserver.shutdown_barrier import ShutdownBarrier

APPLICATION: Final = "controlplane.asgi:application"
# Well above one second, the interval at which gunicorn checks its workers.
_PAUSE_SECONDS: Final = 10.0


class WebServer(BaseApplication):  # type: ignore[misc]
    """gunicorn application that takes its settings from `gunicorn_conf`.

    Each worker imports `application`, given as "module:attribute".
    """

    def __init__(self, application: str) -> None:
        self._application = application
        super().__init__()

    def load_config(self) -> None:
        for name, value in vars(gunicorn_conf).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        loaded: Callable[..., Any] = import_app(self._application)
        return loaded

    def run(self) -> None:
        WatchingArbiter(self).run()


class WatchingArbiter(Arbiter):  # type: ignore[misc]
    """gunicorn arbiter that doesn't mistake a paused machine for hung workers.

    After `podman pause` or a suspended host, every worker seems to have hung for that long. If this process itself
    has not run for _PAUSE_SECONDS, the workers get gunicorn's full timeout again.
    """

    def __init__(self, app: WebServer) -> None:
        super().__init__(app)
        self._looked = self._none_hung_until = time.monotonic()
        self.departure = ShutdownBarrier()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers. They wait for each other, but not for this process."""
        self.departure.be_ready()
        super().stop(graceful)

    def murder_workers(self) -> None:
        """Kill hung workers, except after a pause of the whole machine."""
        now = time.monotonic()
        if now - self._looked > _PAUSE_SECONDS:
            self._none_hung_until = now + self.timeout
        self._looked = now
        if now >= self._none_hung_until:
            super().murder_workers()


if __name__ == "__main__":
    WebServer(sys.argv[1] if len(sys.argv) > 1 else APPLICATION).run()
