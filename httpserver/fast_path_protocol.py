"""HTTP protocol that offers requests to the endpoints of `FAST_PATHS` before it starts an application task."""

import asyncio
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from httpserver.fast_path import FAST_PATHS, Head
from httpserver.inline_request import InlineRequest, ParsedRequest
from httpserver.protocol import BoundedProtocol

MAX_CACHED_BYTES: Final = 4096

log = structlog.get_logger(__name__)


class FastPathProtocol(BoundedProtocol):
    """Protocol that passes a request without a body to the fast-path endpoint of its path, in pipeline order.

    Clients send the same head again and again. The connection therefore caches the bytes of the last head that
    arrived complete and alone, together with the parsed result. If an idle connection receives identical bytes,
    the cached result is used and the parser is skipped. No second parser exists, so the two paths cannot interpret
    one request differently.
    """

    # Both hold a secret, so `connection_lost` clears them.
    _cached_bytes: bytes | None = None
    _cached: ParsedRequest | None = None
    _parsed: ParsedRequest | None = None

    def data_received(self, data: bytes) -> None:
        idle, cached = self.is_idle(), self._cached
        if idle and cached is not None and data == self._cached_bytes:
            self.skip_parser()
            # Only heads of kept-alive connections are cached, so keep_alive is True.
            self._begin(InlineRequest(self, cached, True))
            return
        before = self._messages
        super().data_received(data)
        # "Alone": one message, nothing before it on the connection, and no byte after it. Only then do `data` and
        # the parsed head correspond exactly.
        alone = idle and self._messages == before + 1 and self.is_between_requests()
        if alone and self._parsed is not None and len(data) <= MAX_CACHED_BYTES:
            self._cached_bytes, self._cached = data, self._parsed

    def connection_lost(self, exc: Exception | None) -> None:
        self._cached_bytes = self._cached = self._parsed = None
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        parsed = self._parse_for_fast_path()
        keep_alive = self.parser.should_keep_alive()
        self._parsed = parsed if keep_alive else None
        if parsed is None:
            super().on_headers_complete()
        else:
            self.finish_head()
            self._begin(InlineRequest(self, parsed, keep_alive))

    def _parse_for_fast_path(self) -> ParsedRequest | None:
        """Return the head together with its fast-path endpoint, or None if the application must handle the request."""
        path, _, query = self.url.partition(b"?")
        endpoint = FAST_PATHS.get(path.decode("latin-1"))
        # The application takes these: a body needs uvicorn's cycle, and a URL fragment needs its URL parser.
        if endpoint is None or self._has_body or b"#" in query:
            return None
        if self.parser.get_http_version() != "1.1" or self.parser.should_upgrade():
            return None
        head = Head(self.parser.get_method().decode("ascii"), path.decode("ascii"), query, self.headers)
        value = endpoint.parse(head)
        return None if value is None else ParsedRequest(head, endpoint, value)

    def _begin(self, request: InlineRequest) -> None:
        """Start the request, or queue it behind the running one. Mirrors uvicorn's `on_headers_complete`."""
        before, self.cycle = self.cycle, request
        if before is None or before.response_complete:
            self._start_asgi_task(request, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((request, self.app))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: RequestResponseCycle | InlineRequest, app: Any) -> None:
        if not isinstance(cycle, InlineRequest):
            super()._start_asgi_task(cycle, app)
            return
        self.mark_running(cycle)
        # If the client doesn't read its earlier responses, the application gets the request, and is held back
        # until it does.
        if self.flow.write_paused or not self._is_accepted(cycle):
            cycle.delegate()

    def _is_accepted(self, request: InlineRequest) -> bool:
        """Return whether the endpoint takes over the request. If it fails, log that and return False."""
        try:
            return request.parsed.endpoint.accept(request.parsed.value, request)
        except Exception:
            log.exception("not_asked_at_once")
            # A fault of the fast path must not lose the request: the application can still answer it.
            return False

    def start_application(self, request: InlineRequest) -> None:
        """Start the application with the `RequestResponseCycle` that uvicorn would have created."""
        cycle = RequestResponseCycle(
            scope=request.scope,  # type: ignore[arg-type]
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=request.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        cycle.message_event.set()
        # `cycle` is the connection's newest request. If others have queued up behind this one, it must stay theirs.
        if self.cycle is request:
            self.cycle = cycle
        super()._start_asgi_task(cycle, self.app)
