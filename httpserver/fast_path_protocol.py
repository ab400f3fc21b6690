"""HTTP protocol that offers requests to the endpoints of `FAST_PATHS` before it starts an application task."""

import asyncio
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from httpserver.fast_path import FAST_PATHS, Head
from httpserver.inline_request import InlineRequest, Question
from httpserver.protocol import BoundedProtocol

MAX_KNOWN_BYTES: Final = 4096

log = structlog.get_logger(__name__)


class FastPathProtocol(BoundedProtocol):
    """Protocol that passes a request without a body to the fast-path endpoint of its path, in pipeline order.

    Clients send the same head again and again. The connection therefore caches the bytes of the last head that
    arrived complete and alone, together with the parsed result. If an idle connection receives identical bytes,
    the cached result is used and the parser is skipped. No second parser exists, so the two paths cannot interpret
    one request differently.
    """

    # Both hold a secret, so `connection_lost` clears them.
    _known_bytes: bytes | None = None
    _known: Question | None = None
    _heard: Question | None = None

    def data_received(self, data: bytes) -> None:
        idle, known = self.is_idle(), self._known
        if idle and known is not None and data == self._known_bytes:
            self.skip_parser()
            # Only heads of kept-alive connections are cached, so keep_alive is True.
            self._begin(InlineRequest(self, known, True))
            return
        before = self._messages
        super().data_received(data)
        # "Alone": one message, nothing before it on the connection, and no byte after it. Only then do `data` and
        # the parsed head correspond exactly.
        alone = idle and self._messages == before + 1 and self.is_between()
        if alone and self._heard is not None and len(data) <= MAX_KNOWN_BYTES:
            self._known_bytes, self._known = data, self._heard

    def connection_lost(self, exc: Exception | None) -> None:
        self._known_bytes = self._known = self._heard = None
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        question = self._question()
        keep_alive = self.parser.should_keep_alive()
        self._heard = question if keep_alive else None
        if question is None:
            super().on_headers_complete()
        else:
            self.head_is_whole()
            self._begin(InlineRequest(self, question, keep_alive))

    def _question(self) -> Question | None:
        """Return the head together with its fast-path endpoint, or None if the application must handle the request."""
        path, _, query = self.url.partition(b"?")
        door = FAST_PATHS.get(path.decode("latin-1"))
        # The application takes these: a body needs uvicorn's cycle, and a URL fragment needs its URL parser.
        if door is None or self._announces_body or b"#" in query:
            return None
        if self.parser.get_http_version() != "1.1" or self.parser.should_upgrade():
            return None
        head = Head(self.parser.get_method().decode("ascii"), path.decode("ascii"), query, self.headers)
        asked = door.read(head)
        return None if asked is None else Question(head, door, asked)

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
        self.is_running(cycle)
        # If the client doesn't read its earlier responses, the application gets the request, and is held back
        # until it does.
        if self.flow.write_paused or not self._is_taken(cycle):
            cycle.pass_on()

    def _is_taken(self, request: InlineRequest) -> bool:
        """Return whether the endpoint takes over the request. If it fails, log that and return False."""
        try:
            return request.question.door.ask(request.question.asked, request)
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
