"""uvicorn connection with its own timeouts: tracks which pipelined request is in progress, and when to close."""

import asyncio
import socket
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from httpserver.buffer_limit import HIGH_WATER_BYTES, INCOMPLETE_BODIES, UNREAD_RESPONSES
from httpserver.connection_close import HTTP_1_0, close_delimited
from httpserver.connection_limit import CONNECTION_LIMIT
from httpserver.early_error import rejection_response
from httpserver.inline_request import InlineRequest
from httpserver.response_metrics import count_rejection
from httpserver.streaming_response import attach_connection, end_stream
from httpserver.timeouts import ConnectionTimeouts
from httpserver.unix_socket import UNIX_PEER

_LINGER_SECONDS: Final = 1.0
_NEW_CONNECTION_SECONDS: Final = 1.0

RunningRequest = RequestResponseCycle | InlineRequest


class Connection(HttpToolsProtocol):
    """HTTP connection with timeouts of its own (`ConnectionTimeouts`), which replace uvicorn's keep-alive timeout.

    It notifies applications when their client disconnects, and completes the response of a client that has only
    closed its sending half. If a client does not read a response, the next request of the pipeline starts only
    after it has.
    """

    cycle: Any  # a Running; None before the first
    server_state: Any  # a DrainingState
    _draining = False
    _ignores_input = False
    _running: RunningRequest | None = None
    _deferred: tuple[Any, Any] | None = None
    _timeouts: ConnectionTimeouts

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family == socket.AF_UNIX:
            # The name is for a request without Host, such as the health check of a proxy that speaks HTTP/1.0.
            self.client, self.server = (UNIX_PEER, 0), ("localhost", 80)
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._timeouts = ConnectionTimeouts(self, self.loop)
        CONNECTION_LIMIT.enforce(self.connections)
        self._draining = self.server_state.draining

    def connection_lost(self, exc: Exception | None) -> None:
        UNREAD_RESPONSES.forget(self)
        INCOMPLETE_BODIES.forget(self)
        self._deferred = None
        self._timeouts.stop()
        running = self._in_progress()
        # uvicorn notifies only the last request of the pipeline, which need not be the one in progress.
        if running is not None:
            running.disconnected = True
            running.message_event.set()
            end_stream(running.scope)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for the response in progress, unless the client stopped within that request's body."""
        running = self._in_progress()
        if running is None or self._body_cut_off(running):
            return False
        last = self.pipeline[0][0] if self.pipeline else running
        last.keep_alive = False
        end_stream(running.scope)
        return True

    def drain(self) -> None:
        """Mark the next response as the last one on this connection (`Connection: close`).

        End a streaming response immediately, and abort the connection if its client does not read.
        """
        self._draining = True
        running = self._in_progress()
        if running is None:
            return
        last = self.pipeline[0][0] if self.pipeline else running
        # A response that has started has already announced that the connection stays open. The next one closes it.
        if not last.response_started:
            last.keep_alive = False
        if end_stream(running.scope) and self._timeouts.paused_since is not None:
            self.abort()

    def shutdown(self) -> None:
        """Close the connection: immediately if it is idle, otherwise after the requests sent on it are answered.

        A new connection, or one in the middle of a header, gets _NEW_SECONDS to complete its request.
        """
        self.drain()
        if self._in_progress() is None and self._timeouts.header_since is not None:
            age = self.loop.time() - self._timeouts.header_since
            self.loop.call_later(max(0.0, _NEW_CONNECTION_SECONDS - age), self._close_if_idle)
        else:
            super().shutdown()

    def _close_if_idle(self) -> None:
        if self._in_progress() is None:
            self.transport.close()

    def abort(self) -> None:
        """Drop the connection. The application may leave the response in progress incomplete."""
        running = self._in_progress()
        if running is not None:
            running.disconnected = True
        self.transport.abort()

    def is_closed(self) -> bool:
        """Return whether the transport is closed or closing."""
        return bool(self.transport.is_closing())

    def reject(self, status: int) -> None:
        """Send an error response with this status and end the connection.

        If an earlier request is still in progress, its response is the last one, and no error response is sent.
        """
        if self._ignores_input or self.transport.is_closing():
            return
        self._ignores_input = True
        self.pipeline.clear()
        running = self._in_progress()
        if running is not None and not self._body_cut_off(running):
            running.keep_alive = False
            return
        self.transport.write(rejection_response(status, self.client, head_only=self.is_head_request()))
        count_rejection(status)
        self.transport.write_eof()
        # Keep reading (and dropping) for _LINGER_SECONDS. If a socket is closed with unread bytes in its buffer,
        # the kernel sends a reset, and the client would never see this response.
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def is_head_request(self) -> bool:
        """Return whether the request that is being read is a HEAD request."""
        return False

    def ignore_further_input(self) -> None:
        """Drop everything that follows a streaming response, because it would never be answered."""
        self._ignores_input = True
        self.pipeline.clear()
        # Reading must go on: a paused connection, for example behind a full pipeline, doesn't notice that the
        # client has left.
        self.flow.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.record_read_progress()

    def record_read_progress(self) -> None:
        """Record that the client has read part of what is waiting for it, and restart the timeout for slow readers."""
        self._timeouts.paused_since = self.loop.time()
        UNREAD_RESPONSES.record(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._timeouts.paused_since = None
        UNREAD_RESPONSES.forget(self)
        super().resume_writing()
        if self._deferred is not None:
            deferred, self._deferred = self._deferred, None
            self._start_asgi_task(*deferred)

    @property
    def waiting_since(self) -> float | None:
        """Return since when only the client can act, by the loop's clock, or None while a request is processed."""
        running = self._in_progress()
        if running is not None and not running.more_body and self._timeouts.paused_since is None:
            return None
        return self._timeouts.waiting_since

    def mark_running(self, running: RunningRequest) -> None:
        """Record that this request is now the one in progress."""
        self._running = running
        # A previous request in the same bytes may have been answered already, which set `idle_since`.
        self._timeouts.idle_since = None
        if self._draining and not self.pipeline:
            running.keep_alive = False

    def on_response_complete(self) -> None:
        """Continue with the next pipelined request, or become idle. Like uvicorn's, but without a keep-alive timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            # `ConnectionTimeouts` ends idle connections: one timer per connection is cheaper than one per request.
            self._timeouts.idle_since = self.loop.time()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.mark_running(cycle)
        if self.flow.write_paused:
            # Don't start an application whose output can't be sent yet. `resume_writing` starts it.
            self._deferred = (cycle, app)
            return
        attach_connection(cycle.scope, self)
        super()._start_asgi_task(cycle, close_delimited(cycle, app) if cycle.scope["http_version"] == HTTP_1_0 else app)

    def _in_progress(self) -> RunningRequest | None:
        """Return the request in progress, or None. Requests behind it in the pipeline have not started."""
        running = self._running
        return None if running is None or running.response_complete else running

    def _body_cut_off(self, running: RunningRequest) -> bool:
        """Return whether the body of the request in progress was cut off. If so, notify its application."""
        if running is not self.cycle or not running.more_body or running.response_started:
            return False
        running.disconnected = True
        running.message_event.set()
        return True
