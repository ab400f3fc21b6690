"""What serves both /v1/check and the answer that it is measured beside: the product behind one `if`."""

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
    """Answers the bare path with a constant; all else is the product's."""
    if scope["type"] == "http" and scope["path"] == paths.BARE_ASGI:
        await send(_START)
        await send(_BODY)
        return
    await product(scope, receive, send)
