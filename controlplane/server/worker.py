"""The gunicorn worker: uvicorn on uvloop and httptools, with our bounds and without its guesses about proxies."""

import asyncio
import gc
from typing import Any

from uvicorn_worker import UvicornWorker

from controlplane.server.at_once_protocol import AtOnceProtocol


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
        "timeout_graceful_shutdown": 6,  # below gunicorn's, so that what ends with the loop gets its time
    }

    async def _serve(self) -> None:
        from health.lookout import look_out  # Django is ready only now
        from ratelimit.limiter import default_limiter

        limiter = default_limiter()  # what its store needs is loaded now, not while the first request waits
        lookout = asyncio.create_task(look_out())
        try:
            await super()._serve()
        finally:
            lookout.cancel()
            await limiter.leave_loop()

    def run(self) -> None:
        """Serves. What is loaded by now stays for good, so the collector need not look at it again: a full collection,
        as when hundreds of streams are opened, would stop everybody for some 60 ms.
        """
        gc.collect()
        gc.freeze()
        super().run()
