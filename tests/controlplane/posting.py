"""A POST to an ASGI application, and a Django that keeps it waiting."""

import asyncio
from typing import Any

from httpserver.asgi_types import ASGIApplication
from tests.gateway.endpoints import scope_of


class Busy:
    """Django that answers once it is told to."""

    def __init__(self, status: int = 200) -> None:
        self.asked = 0
        self.free = asyncio.Event()
        self._status = status

    async def __call__(self, _scope: object, _receive: object, send: Any) -> None:
        self.asked += 1
        await self.free.wait()
        await send({"type": "http.response.start", "status": self._status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def post(
    app: ASGIApplication, path: str, *, host: int = 1, accept: str = "*/*", read: asyncio.Event | None = None
) -> tuple[int, dict[str, str], bytes]:
    """The response to 192.0.2.`host`, which reads nothing of it before `read` is set."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        if read:
            await read.wait()
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = scope_of("POST", path, "", {"Accept": accept}) | {"client": (f"192.0.2.{host}", 1)}
    await app(scope, receive, send)
    fields = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, sent[1]["body"]
