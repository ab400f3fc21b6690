"""uvicorn's HTTP protocol with two bounds that it leaves open: the bytes of a request's header, and the time for it."""

import asyncio
from functools import partial
from typing import Any, Final, cast

import structlog
from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from controlplane.server.asgi_types import Scope
from controlplane.server.at_once import AT_ONCE, AtOnce, CycleReply
from controlplane.server.closing import OLD, closing
from controlplane.server.endless import ask_to_end, hand_over
from controlplane.server.refusal import refusal_of

MAX_HEADER_BYTES: Final = 32_768
MAX_HEADER_SECONDS: Final = 10.0
MAX_PIPELINE: Final = 16
MAX_PAUSED_SECONDS: Final = 60.0
_CHECK_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request whose header is over MAX_HEADER_BYTES (431) or takes over MAX_HEADER_SECONDS (408), a pipeline
    of more than MAX_PIPELINE requests, and what is not HTTP/1.1 (400).

    The time counts from a connection's start, or from a later request's first byte. One timer a connection looks now
    and then, which is cheaper than one a request. An offer to upgrade is passed over: the request is answered as it is.
    """

    _status = 400
    _refused = False
    _in_header = False
    _field_bytes = 0
    _silent_bytes = 0
    _body_left = 0
    _header_since: float | None = None
    _paused_since: float | None = None
    _running: RequestResponseCycle | None = None
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._header_since = self.loop.time()
        self._watch = self.loop.call_later(_CHECK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        running = self._under_way()
        if running is not None:  # uvicorn tells only the last request of the pipeline
            running.disconnected = True
            running.message_event.set()
            ask_to_end(running.scope)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that is done talking still gets the answer that is under way, unless it left in mid-sentence."""
        running = self._under_way()
        if running is None or self._breaks_off(running):
            return False
        last = self.pipeline[0][0] if self.pipeline else running
        last.keep_alive = False
        ask_to_end(running.scope)
        return True

    def shutdown(self) -> None:
        """The server stops. An answer without an end is ended, and cut off where its client does not read."""
        super().shutdown()
        running = self._under_way()
        if running is not None and ask_to_end(running.scope) and self._paused_since is not None:
            self.abort()

    def abort(self) -> None:
        """Drops the connection. The application of the request that is under way need not complete its answer."""
        running = self._under_way()
        if running is not None:
            running.disconnected = True
        self.transport.abort()

    def hear_no_more(self) -> None:
        """What comes behind an answer without an end would never be answered. It is read all the same: where reading
        pauses, as behind a full pipeline, nobody sees that the client has left.
        """
        self._refused = True
        self.pipeline.clear()
        self.flow.resume_reading()

    def pause_writing(self) -> None:
        self._paused_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused_since = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._body_left:
            self._feed_body(data)
            return
        if self._header_since is None and self._under_way() is None:
            self._header_since = self.loop.time()
        self._unset_keepalive_if_required()
        self._silent_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._silent_bytes > MAX_HEADER_BYTES:
                # Kept by the parser, as it is not yet a whole field of a header or a trailer, or a chunk's extension.
                self._refuse(431)
        except HttpParserUpgrade as upgrade:
            self._feed_body(data[upgrade.args[0] :])
        except HttpParserError:
            self._refuse(self._status)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        self._field_bytes = 0
        if self._header_since is None:
            self._header_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if self._in_header:  # else it is a trailer, which must not pass for what a proxy in front has checked
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._header_since = None
        self._silent_bytes = 0
        if len(self.pipeline) >= MAX_PIPELINE:
            raise HttpParserError("too many requests at once")
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name == b"transfer-encoding" for name, _ in self.headers):
            raise HttpParserError("an upgrade with a chunked body")
        super().on_headers_complete()
        if upgrade:
            self._expect_body()

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._silent_bytes = 0
        if not self._body_left:
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._unset_keepalive_if_required()  # the request before it in the same bytes may have been answered already
        at_once = AT_ONCE.get(cycle.scope["path"])
        if at_once is not None and self._answers_at_once(cycle, app, at_once):
            return
        self._start_application(cycle, app)

    def _answers_at_once(self, cycle: RequestResponseCycle, app: Any, at_once: AtOnce) -> bool:
        """Whether the request is answered without a task. A client that does not read, and a connection that ends with
        the answer, are for the application.
        """
        if self.flow.write_paused or not cycle.keep_alive or cycle.scope["http_version"] != "1.1":
            return False
        if self.parser.should_upgrade():  # its connection ends with the answer
            return False
        reply = CycleReply(cycle, self.transport, partial(self._start_application, cycle, app))
        return at_once(cast(Scope, cycle.scope), reply)

    def _start_application(self, cycle: RequestResponseCycle, app: Any) -> None:
        hand_over(cycle.scope, self)
        super()._start_asgi_task(cycle, closing(cycle, app) if cycle.scope["http_version"] == OLD else app)

    def _under_way(self) -> RequestResponseCycle | None:
        """The request that is being answered; those behind it in the pipeline have not begun."""
        running = self._running
        return None if running is None or running.response_complete else running

    def _breaks_off(self, running: RequestResponseCycle) -> bool:
        """Whether the running request's own body is what ends; then its application is told that nobody waits."""
        if running is not self.cycle or not running.more_body or running.response_started:
            return False
        running.disconnected = True
        running.message_event.set()
        return True

    def _expect_body(self) -> None:
        """The parser stops at an offer to upgrade and leaves the body to us; after it the connection ends."""
        self._body_left = int(dict(self.headers).get(b"content-length", 0))
        self.cycle.keep_alive = False

    def _feed_body(self, data: bytes) -> None:
        if not self._body_left:
            return
        part = data[: self._body_left]
        self._body_left -= len(part)
        self.on_body(part)
        if not self._body_left:
            super().on_message_complete()
            self._refused = True  # nothing that comes after it is read

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_HEADER_BYTES:
            self._status = 431
            raise HttpParserError("header too large")

    def _look(self) -> None:
        now = self.loop.time()
        if self._paused_since is not None and now - self._paused_since > MAX_PAUSED_SECONDS:
            self.abort()
            return
        self._watch = self.loop.call_later(_CHECK_SECONDS, self._look)
        if self._header_since is not None and now - self._header_since > MAX_HEADER_SECONDS:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answers and ends the connection. What still comes is read and dropped for a moment: a socket that is closed
        over unread bytes is reset, and its peer would never see the answer. Where an earlier request is still being
        answered, its answer is the last thing that is said.
        """
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self.pipeline.clear()
        running = self._under_way()
        if running is not None and not self._breaks_off(running):
            running.keep_alive = False
            return
        self.transport.write(refusal_of(status, self.client))
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
