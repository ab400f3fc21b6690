"""Sender of requests that suspends the calling task: over connections of its own, and with httpx through proxies."""

import httpx

from latchkey.client.deadline import Deadline
from latchkey.client.environment_proxies import is_proxied
from latchkey.client.http1.async_pool import AsyncConnectionPool
from latchkey.client.http1.request import Request
from latchkey.client.http1.response import Response
from latchkey.client.http1.server import Server
from latchkey.client.http1.tls import tls_context
from latchkey.client.httpx_responses import HttpxBody
from latchkey.client.keepalive import KEEPALIVE_SECONDS, connection_limits


class AsyncSender:
    """Sender of requests to the server at `url`, with at most `max_connections` connections, within one event loop.

    Raises what `Sender` raises.
    """

    def __init__(self, url: str, *, max_connections: int) -> None:
        self.server = Server.of(url)
        self._carrier: AsyncConnectionPool | httpx.AsyncClient
        if is_proxied(self.server):
            self._carrier = httpx.AsyncClient(limits=connection_limits(max_connections))
            return
        context = tls_context(is_encrypted=self.server.is_encrypted)
        self._carrier = AsyncConnectionPool(
            self.server, context, max_connections=max_connections, keepalive_seconds=KEEPALIVE_SECONDS
        )

    async def send(self, request: Request, deadline: Deadline, max_body_bytes: int) -> Response:
        """Return the response to `request`. Raises ClientError, and httpx's errors."""
        if isinstance(self._carrier, AsyncConnectionPool):
            return await self._carrier.send(request, deadline, max_body_bytes)
        # A redirect would send the key to another server.
        async with self._carrier.stream(
            request.method,
            self.server.origin + request.target,
            headers=dict(request.fields),
            content=request.body,
            follow_redirects=False,
            extensions={"timeout": deadline},
        ) as response:
            body = HttpxBody(response, deadline, max_body_bytes)
            async for chunk in response.aiter_bytes():
                body.add(chunk)
            return body.response

    async def close(self) -> None:
        """Close the connections."""
        await self._carrier.aclose()
