"""ASGI application that serves the product and, as a baseline, a constant response. It adds one `if` per request."""

from typing import Final

from benchmarks import paths
from controlplane.asgi import application as product
from httpserver.asgi_types import Receive, Scope, Send

_START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")],
}
_BODY: Final = {"type": "http.response.body", "body": b"ok"}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to the bare path with a constant, and pass every other request to the product."""
    if scope["type"] == "http" and scope["path"] == paths.BARE_ASGI:
        await send(_START)
        await send(_BODY)
        return
    await product(scope, receive, send)
