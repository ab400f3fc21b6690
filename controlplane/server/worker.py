"""The gunicorn worker: uvicorn on uvloop and httptools, with our bounds and without its guesses about proxies."""

import asyncio
import gc
from typing import Any

from uvicorn_worker import UvicornWorker

from controlplane.server.protocol import BoundedProtocol


class Worker(UvicornWorker):  # type: ignore[misc]
    """Serves controlplane.asgi. The client's address stays the connection's own: TRUSTED_PROXIES alone decides what
    X-Forwarded-For is worth, in `apikeys.client_address`.
    """

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": BoundedProtocol,
        "ws": "none",
        "lifespan": "off",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "timeout_graceful_shutdown": 8,
    }

    async def _serve(self) -> None:
        from health.lookout import look_out  # Django is ready only now

        lookout = asyncio.create_task(look_out())
        try:
            await super()._serve()
        finally:
            lookout.cancel()

    def run(self) -> None:
        """Serves. What is loaded by now stays for good, so the collector need not look at it again: a full collection,
        as when hundreds of streams are opened, would stop everybody for some 60 ms.
        """
        gc.collect()
        gc.freeze()
        super().run()
