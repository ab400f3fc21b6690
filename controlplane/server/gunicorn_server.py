"""`python -m controlplane.server.gunicorn_server`: gunicorn with our settings and none of the environment's.

gunicorn's own command reads GUNICORN_CMD_ARGS, which undoes what `manage.py serve` has checked, such as the number of
workers that a bucket store allows.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.util import import_app

from controlplane.server import gunicorn_conf
from controlplane.server.departure import Departure

APPLICATION: Final = "controlplane.asgi:application"
_PAUSE_SECONDS: Final = 10.0  # gunicorn looks at its workers each second


class WebServer(BaseApplication):  # type: ignore[misc]
    """gunicorn's application: its settings are those of `gunicorn_conf`, and each worker loads `application`, a
    module's name and an attribute.
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
        WorkerWatch(self).run()


class WorkerWatch(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter, for which a machine that stood still has no hung workers.

    After `podman pause` or a suspended host every worker looks as if it had hung for that long. If this process itself
    has not looked for some seconds, workers get the whole of gunicorn's timeout again.
    """

    def __init__(self, app: WebServer) -> None:
        super().__init__(app)
        self._looked = self._none_hung_until = time.monotonic()
        self.departure = Departure()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers. They wait for each other, and not for this process."""
        self.departure.be_ready()
        super().stop(graceful)

    def murder_workers(self) -> None:
        """Kill workers that have hung, but none for the time in which everything stood still."""
        now = time.monotonic()
        if now - self._looked > _PAUSE_SECONDS:
            self._none_hung_until = now + self.timeout
        self._looked = now
        if now >= self._none_hung_until:
            super().murder_workers()


if __name__ == "__main__":
    WebServer(sys.argv[1] if len(sys.argv) > 1 else APPLICATION).run()
