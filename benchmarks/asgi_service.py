"""An ASGI service: a path that is bare, and one that the middleware protects."""

import os
from typing import Any

from latchkey.integrations.asgi import LatchkeyMiddleware, Receive, Rule, Scope, Send


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to every request; to `/worker` with the worker's process id."""
    body = str(os.getpid()).encode() if scope["path"] == "/worker" else b'{"orders":[]}'
    head: dict[str, Any] = {"type": "http.response.start", "status": 200}
    await send(head | {"headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


_protected = LatchkeyMiddleware(service, rules=[Rule("/", scopes=["orders:read"])])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Lead `/protected` through the middleware, and every other path past it."""
    await (_protected if scope["path"] == "/protected" else service)(scope, receive, send)
