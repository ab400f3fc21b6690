"""uvicorn's HTTP protocol with two bounds that it leaves open: the bytes of a request's header, and the time for it."""

import asyncio
from typing import Any, Final, cast

import structlog
from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from controlplane.server.asgi_types import Fields, Scope
from controlplane.server.at_once import Head
from controlplane.server.closing import OLD, closing
from controlplane.server.endless import ask_to_end, hand_over
from controlplane.server.prompt import PromptRequest
from controlplane.server.refusal import refusal_of
from controlplane.server.watch import Watch

MAX_HEADER_BYTES: Final = 32_768
MAX_PIPELINE: Final = 16
_OF_A_BODY: Final = frozenset((b"content-length", b"transfer-encoding", b"expect"))
_LINGER_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)

Running = RequestResponseCycle | PromptRequest


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request whose header is over MAX_HEADER_BYTES (431) or takes longer than its `Watch` allows (408), a
    pipeline of more than MAX_PIPELINE requests, and what is not HTTP (400).

    The watch also ends a connection that is idle for longer than uvicorn's keep-alive. An offer to upgrade is passed
    over: the request is answered as it is.
    """

    cycle: Any  # a Running; None before the first
    headers: Fields
    _status = 400
    _refused = False
    _messages = 0
    _in_message = False
    _in_header = False
    _announces_body = False
    _field_bytes = 0
    _silent_bytes = 0
    _body_left = 0
    _running: Running | None = None
    _watch: Watch

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch = Watch(self, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.end()
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
        if running is not None and ask_to_end(running.scope) and self._watch.paused_since is not None:
            self.abort()

    def abort(self) -> None:
        """Drops the connection. The application of the request that is under way need not complete its answer."""
        running = self._under_way()
        if running is not None:
            running.disconnected = True
        self.transport.abort()

    def refuse(self, status: int) -> None:
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

    def hear_no_more(self) -> None:
        """What comes behind an answer without an end would never be answered. It is read all the same: where reading
        pauses, as behind a full pipeline, nobody sees that the client has left.
        """
        self._refused = True
        self.pipeline.clear()
        self.flow.resume_reading()

    def pause_writing(self) -> None:
        self._watch.paused_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._watch.paused_since = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._body_left:
            self._feed_body(data)
            return
        if self._watch.header_since is None and self._under_way() is None:
            self._watch.header_since = self.loop.time()
        self._watch.idle_since = None
        self._silent_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._silent_bytes > MAX_HEADER_BYTES:
                # Kept by the parser, as it is not yet a whole field of a header or a trailer, or a chunk's extension.
                self.refuse(431)
        except HttpParserUpgrade as upgrade:
            self._feed_body(data[upgrade.args[0] :])
        except HttpParserError:
            self.refuse(self._status)

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._announces_body = self.expect_100_continue = False
        self._messages += 1
        self._in_message = self._in_header = True
        self._field_bytes = 0
        if self._watch.header_since is None:
            self._watch.header_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """As uvicorn's, within the bound. It is called for each field, so it calls nothing itself that it need not."""
        self._field_bytes += len(name) + len(value) + 4
        if self._field_bytes > MAX_HEADER_BYTES:
            self._count(0)
        if self._in_header:  # else it is a trailer, which must not pass for what a proxy in front has checked
            name = name.lower()
            if name in _OF_A_BODY and (name != b"content-length" or value != b"0"):
                self._announces_body = True
                self.expect_100_continue |= name == b"expect" and value.lower() == b"100-continue"
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.head_is_whole()
        self.expect_100_continue &= self.parser.get_http_version() == "1.1"
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name == b"transfer-encoding" for name, _ in self.headers):
            raise HttpParserError("an upgrade with a chunked body")
        self.scope = cast(Any, self.scope_of(Head("", "", b"", self.headers)))  # uvicorn fills in the rest
        super().on_headers_complete()
        if upgrade:
            self._expect_body()

    def head_is_whole(self) -> None:
        """Ends what is bounded of a head. Raises HttpParserError where one request more is too many."""
        self._in_header = False
        self._watch.header_since = None
        self._silent_bytes = 0
        if len(self.pipeline) >= MAX_PIPELINE:
            raise HttpParserError("too many requests at once")

    def scope_of(self, head: Head) -> Scope:
        """As uvicorn makes it."""
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": list(head.fields),
            "state": self.app_state.copy(),
            "method": head.method,
            "path": head.path,
            "raw_path": head.path.encode(),
            "query_string": head.query,
        }

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._silent_bytes = 0
        if not self._body_left:
            self._in_message = False
            super().on_message_complete()

    def is_between(self) -> bool:
        """Whether the next byte begins a request."""
        return not (self._in_message or self._refused or self._body_left)

    def is_idle(self) -> bool:
        """Whether it does, and nothing is under way."""
        running = self._running
        return (running is None or running.response_complete) and self.is_between()

    def skip_parser(self) -> None:
        """Takes note of a whole request without a body that the parser does not see."""
        self._watch.header_since = None
        self._silent_bytes = 0

    def is_running(self, running: Running) -> None:
        """Takes note that this request's turn has come."""
        self._running = running
        self._watch.idle_since = None  # the one before it in the same bytes may have been answered already

    def on_response_complete(self) -> None:
        """As uvicorn's, without a timer of its own for the time until the next request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._watch.idle_since = self.loop.time()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.is_running(cycle)
        hand_over(cycle.scope, self)
        super()._start_asgi_task(cycle, closing(cycle, app) if cycle.scope["http_version"] == OLD else app)

    def _under_way(self) -> Running | None:
        """The request that is being answered; those behind it in the pipeline have not begun."""
        running = self._running
        return None if running is None or running.response_complete else running

    def _breaks_off(self, running: Running) -> bool:
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
