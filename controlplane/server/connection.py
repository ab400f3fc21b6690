"""A connection of uvicorn's: when it ends, and which of its requests is under way."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from controlplane.server.closing import OLD, closing
from controlplane.server.connection_limit import LIMIT
from controlplane.server.endless import ask_to_end, hand_over
from controlplane.server.held_bytes import BODIES, HIGH_WATER_BYTES, UNSENT
from controlplane.server.prompt import PromptRequest
from controlplane.server.refusal import refusal_of
from controlplane.server.response_metrics import count_unreadable
from controlplane.server.watch import Watch

_LINGER_SECONDS: Final = 1.0
_NEW_SECONDS: Final = 1.0

Running = RequestResponseCycle | PromptRequest


class Connection(HttpToolsProtocol):
    """Ends where its `Watch` says so, also when idle for longer than uvicorn's keep-alive; tells applications whose
    clients have left, and answers those who only say no more. A request behind an answer that its client does not read
    begins when that was read.
    """

    cycle: Any  # a Running; None before the first
    server_state: Any  # a DrainingState
    _draining = False
    _refused = False
    _running: Running | None = None
    _held: tuple[Any, Any] | None = None
    _watch: Watch

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._watch = Watch(self, self.loop)
        LIMIT.keep(self.connections)
        self._draining = self.server_state.draining

    def connection_lost(self, exc: Exception | None) -> None:
        UNSENT.forget(self)
        BODIES.forget(self)
        self._held = None
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

    def drain(self) -> None:
        """Make the next response the last one, and say so in it. A stream ends now, and is cut off if its client does
        not read.
        """
        self._draining = True
        running = self._under_way()
        if running is None:
            return
        last = self.pipeline[0][0] if self.pipeline else running
        # A response that has begun has promised to keep the connection; the one after it ends it.
        if not last.response_started:
            last.keep_alive = False
        if ask_to_end(running.scope) and self._watch.paused_since is not None:
            self.abort()

    def shutdown(self) -> None:
        """Close the connection: now if it is idle, or when what was sent on it is answered. What is new, or in the
        middle of a header, gets a moment to become a request.
        """
        self.drain()
        if self._under_way() is None and self._watch.header_since is not None:
            age = self.loop.time() - self._watch.header_since
            self.loop.call_later(max(0.0, _NEW_SECONDS - age), self._close_if_idle)
        else:
            super().shutdown()

    def _close_if_idle(self) -> None:
        if self._under_way() is None:
            self.transport.close()

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
        self.transport.write(refusal_of(status, self.client, head_only=self.asks_for_no_body()))
        count_unreadable(status)
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def asks_for_no_body(self) -> bool:
        """Whether what is read now is a HEAD request."""
        return False

    def hear_no_more(self) -> None:
        """What comes behind an answer without an end would never be answered. It is read all the same: where reading
        pauses, as behind a full pipeline, nobody sees that the client has left.
        """
        self._refused = True
        self.pipeline.clear()
        self.flow.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.has_read()

    def has_read(self) -> None:
        """Note that the client has read something, but not all that waits for it."""
        self._watch.paused_since = self.loop.time()
        UNSENT.note(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._watch.paused_since = None
        UNSENT.forget(self)
        super().resume_writing()
        if self._held is not None:
            held, self._held = self._held, None
            self._start_asgi_task(*held)

    @property
    def waits_since(self) -> float | None:
        """Since when only the client can go on, by the loop's clock; None while a request is worked on."""
        running = self._under_way()
        if running is not None and not running.more_body and self._watch.paused_since is None:
            return None
        return self._watch.waits_since

    def is_running(self, running: Running) -> None:
        """Takes note that this request's turn has come."""
        self._running = running
        self._watch.idle_since = None  # the one before it in the same bytes may have been answered already
        if self._draining and not self.pipeline:
            running.keep_alive = False

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
        if self.flow.write_paused:
            self._held = (cycle, app)
            return
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
