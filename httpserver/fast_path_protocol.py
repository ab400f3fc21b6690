"""HTTP protocol that offers requests to the endpoints of `FAST_PATHS` before it starts an application task."""

import asyncio
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from httpserver.fast_path import FAST_PATHS, Head
from httpserver.inline_request import InlineRequest, ParsedRequest
from httpserver.protocol import BODY_FIELDS, BoundedProtocol

MAX_CACHED_BYTES: Final = 4096

log = structlog.get_logger(__name__)


class FastPathProtocol(BoundedProtocol):
    """Protocol that passes a request to the fast-path endpoint of its path, in pipeline order.

    A request with a body is held until its body is complete. If that isn't so with the bytes in which its head
    arrived, the application gets it, which bounds how long a body may take.

    Clients send the same head again and again. The connection therefore caches the bytes of the last head that
    arrived complete and alone, together with the parsed result. If an idle connection receives identical bytes,
    the cached result is used and the parser is skipped. No second parser exists, so the two paths cannot interpret
    one request differently.
    """

    # Both hold a secret, so `connection_lost` clears them.
    _cached_bytes: bytes | None = None
    _cached: ParsedRequest | None = None
    _parsed: ParsedRequest | None = None
    _held: InlineRequest | None = None

    def data_received(self, data: bytes) -> None:
        idle, cached = self.is_idle(), self._cached
        if idle and cached is not None and data == self._cached_bytes:
            self.skip_parser()
            # Only heads of kept-alive connections are cached, so keep_alive is True.
            self._begin(InlineRequest(self, cached, True))
            return
        before = self._messages
        super().data_received(data)
        if self._held is not None:
            self._release(self._held)
        # "Alone": one message, nothing before it on the connection, and no byte after it. Only then do `data` and
        # the parsed head correspond exactly.
        alone = idle and self._messages == before + 1 and self.is_between_requests()
        if alone and self._parsed is not None and len(data) <= MAX_CACHED_BYTES:
            self._cached_bytes, self._cached = data, self._parsed

    def connection_lost(self, exc: Exception | None) -> None:
        self._cached_bytes = self._cached = self._parsed = self._held = None
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        parsed = self._parse_for_fast_path()
        keep_alive = self.parser.should_keep_alive()
        self._parsed = parsed if keep_alive and not self._has_body else None
        if parsed is None:
            super().on_headers_complete()
            return
        self.finish_head()
        request = InlineRequest(self, parsed, keep_alive)
        if self._has_body:
            self._held = request
        else:
            self._begin(request)

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._held.body += body

    def on_message_complete(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._begin(held)
        super().on_message_complete()

    def _release(self, held: InlineRequest) -> None:
        """Hand a request whose body is incomplete to the application."""
        self._held = None
        if self._ignores_input:
            return
        super().on_headers_complete()
        if held.body:
            super().on_body(held.body)

    def _parse_for_fast_path(self) -> ParsedRequest | None:
        """Return the head together with its fast-path endpoint, or None if the application must handle the request."""
        path, _, query = self.url.partition(b"?")
        endpoint = FAST_PATHS.get(path.decode("latin-1"))
        # The application takes these: a long body needs uvicorn's cycle, and a URL fragment needs its URL parser.
        if endpoint is None or b"#" in query or (self._has_body and not self._is_short_body(endpoint.max_body_bytes)):
            return None
        if self.parser.get_http_version() != "1.1" or self.parser.should_upgrade():
            return None
        head = Head(self.parser.get_method().decode("ascii"), path.decode("ascii"), query, self.headers)
        value = endpoint.parse(head)
        return None if value is None else ParsedRequest(head, endpoint, value)

    def _is_short_body(self, max_bytes: int) -> bool:
        """Return whether the body has at most `max_bytes`, as its only framing says."""
        (name, value), *others = [field for field in self.headers if field[0] in BODY_FIELDS]
        # The parser has checked the number, and that there is only one.
        return bool(max_bytes) and not others and name == b"content-length" and int(value) <= max_bytes

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
        cycle.body += request.body
        cycle.more_body = False
        cycle.message_event.set()
        # `cycle` is the connection's newest request. If others have queued up behind this one, it must stay theirs.
        if self.cycle is request:
            self.cycle = cycle
        super()._start_asgi_task(cycle, self.app)
