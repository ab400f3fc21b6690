"""Sender of requests that blocks: over connections of its own, and with httpx for streams and through proxies."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import httpx

from latchkey.client.deadline import Deadline
from latchkey.client.environment_proxies import is_proxied
from latchkey.client.http1.pool import ConnectionPool
from latchkey.client.http1.request import Request
from latchkey.client.http1.response import Response
from latchkey.client.http1.server import Server
from latchkey.client.http1.tls import tls_context
from latchkey.client.httpx_responses import HttpxBody
from latchkey.client.keepalive import KEEPALIVE_SECONDS, connection_limits


class Sender:
    """Sender of requests to the server at `url`, with at most `max_connections` connections. Threads can share it.

    Raises OSError, ValueError or ImportError if the environment's settings for TLS or proxies are invalid.
    """

    def __init__(self, url: str, *, max_connections: int) -> None:
        self.server = Server.of(url)
        self._max_connections = max_connections
        self._lock = Lock()
        self._httpx: httpx.Client | None = None
        self._pool: ConnectionPool | None = None
        if is_proxied(self.server):
            self._httpx = httpx.Client(limits=connection_limits(max_connections))
            return
        self._context = tls_context(is_encrypted=self.server.is_encrypted)
        self._pool = ConnectionPool(
            self.server, self._context, max_connections=max_connections, keepalive_seconds=KEEPALIVE_SECONDS
        )

    def send(self, request: Request, deadline: Deadline, max_body_bytes: int) -> Response:
        """Return the response to `request`. Raises ClientError, and httpx's errors."""
        if self._pool is not None:
            return self._pool.send(request, deadline, max_body_bytes)
        with self._through_httpx(request, deadline) as response:
            body = HttpxBody(response, deadline, max_body_bytes)
            for chunk in response.iter_bytes():
                body.add(chunk)
            return body.response

    @contextmanager
    def stream(self, request: Request, timeout: httpx.Timeout) -> Iterator[httpx.Response]:
        """Yield the response to `request`, whose body is read as it arrives. Raises httpx's errors."""
        with self._through_httpx(request, timeout.as_dict()) as response:
            yield response

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.close()
        if self._httpx is not None:
            self._httpx.close()

    @contextmanager
    def _through_httpx(self, request: Request, timeouts: object) -> Iterator[httpx.Response]:
        url, extensions = self.server.origin + request.target, {"timeout": timeouts}
        # A redirect would send the key to another server.
        with self._opened_httpx().stream(
            request.method,
            url,
            headers=dict(request.fields),
            content=request.body,
            follow_redirects=False,
            extensions=extensions,
        ) as response:
            yield response

    def _opened_httpx(self) -> httpx.Client:
        with self._lock:
            if self._httpx is None:
                self._httpx = httpx.Client(verify=self._context, limits=connection_limits(self._max_connections))
            return self._httpx
