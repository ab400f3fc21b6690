"""The gunicorn worker: uvicorn on uvloop and httptools, with our bounds and without its guesses about proxies."""

import asyncio
import gc
import sys
from typing import Any

from django.conf import settings
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from controlplane.server.at_once_protocol import AtOnceProtocol
from controlplane.server.departure import Departure


class Worker(UvicornWorker):  # type: ignore[misc]
    """Serves controlplane.asgi. The client's address stays the connection's own: TRUSTED_PROXIES alone decides what
    X-Forwarded-For is worth, in `apikeys.client_address`.
    """

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": AtOnceProtocol,
        "ws": "none",
        "lifespan": "off",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        # With the seconds of draining below gunicorn's, so that what ends with the loop gets its time.
        "timeout_graceful_shutdown": 5,
    }
    departure: Departure
    keeps_listening: bool

    async def _serve(self) -> None:
        from controlplane.server.draining import DrainingServer  # Django is ready only now
        from controlplane.server.response_metrics import CHECKS
        from controlplane.spans import end_spans
        from events.lock_wait import serve_with_bounds
        from health.current import current_health
        from health.lookout import look_out
        from ratelimit.limiter import default_limiter

        serve_with_bounds()
        limiter = default_limiter()
        limiter.prepare()
        tasks = [asyncio.create_task(look_out()), asyncio.create_task(current_health().keep())]
        try:
            self.config.app = self.wsgi
            delay = settings.SHUTDOWN_DELAY_SECONDS
            server = DrainingServer(self.config, self.departure, delay, keeps_listening=self.keeps_listening)
            self._install_sigquit_handler()
            await server.serve(sockets=self.sockets)
            if not server.started:
                sys.exit(Arbiter.WORKER_BOOT_ERROR)
        finally:
            for task in tasks:
                task.cancel()
            await limiter.leave_loop()
            CHECKS.flush()
            end_spans()

    def run(self) -> None:
        """Serves. What is loaded by now stays for good, so the collector need not look at it again: a full collection,
        as when hundreds of streams are opened, would stop everybody for some 60 ms.
        """
        gc.collect()
        gc.freeze()
        super().run()
