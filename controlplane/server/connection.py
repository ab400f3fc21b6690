"""A connection of uvicorn's: when it ends, and which of its requests is under way."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from controlplane.server.closing import OLD, closing
from controlplane.server.endless import ask_to_end, hand_over
from controlplane.server.prompt import PromptRequest
from controlplane.server.refusal import refusal_of
from controlplane.server.watch import Watch

_LINGER_SECONDS: Final = 1.0

Running = RequestResponseCycle | PromptRequest


class Connection(HttpToolsProtocol):
    """Ends where its `Watch` says so, also when idle for longer than uvicorn's keep-alive; tells applications whose
    clients have left, and answers those who only say no more.
    """

    cycle: Any  # a Running; None before the first
    _refused = False
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
