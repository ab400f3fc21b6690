"""The gunicorn worker: uvicorn on uvloop and httptools, with our bounds and without its guesses about proxies."""

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
