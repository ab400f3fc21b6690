"""Signals between the protocol and an application with a streaming response, passed through the request's scope."""

from collections.abc import Callable
from typing import Any, Final, Protocol

_HANDLE: Final = "latchkey.stream_handle"
_CONNECTION: Final = "latchkey.connection"


class StreamConnection(Protocol):
    """The connection of a request, as far as its application may use it."""

    def abort(self) -> None:
        """Drop the connection and everything that was not sent yet."""

    def is_closed(self) -> bool:
        """Return whether the client has disconnected, or soon will be."""

    def ignore_further_input(self) -> None:
        """Drop everything after the request in progress, but keep reading, so that a disconnect is noticed."""


class StreamHandle:
    """Handle that an application leaves in the scope of a streaming response: the server ends the response with it."""

    def __init__(self, scope: Any) -> None:
        self._end: Callable[[], None] | None = None
        self._end_requested = False
        self._scope = scope
        scope[_HANDLE] = self

    def on_end(self, end: Callable[[], None]) -> None:
        """Register `end`, which ends the response. Call it immediately if the end was requested before.

        No request behind this one on the connection is answered.
        """
        self._end = end
        if self._end_requested:
            end()
        connection = _connection(self._scope)
        if connection is not None:
            connection.ignore_further_input()

    def request_end(self) -> None:
        """Request the end of the response, because the server shuts down or the client has disconnected."""
        self._end_requested = True
        if self._end is not None:
            self._end()


def end_stream(scope: Any) -> bool:
    """Request the end of a streaming response. Return False if the response is not a stream and ends normally."""
    handle = scope.get(_HANDLE)
    if not isinstance(handle, StreamHandle):
        return False
    handle.request_end()
    return True


def attach_connection(scope: Any, connection: StreamConnection) -> None:
    """Store the connection in the scope for its application."""
    scope[_CONNECTION] = connection


def abort_connection(scope: Any) -> None:
    """Drop the connection, if the protocol provides it."""
    connection = _connection(scope)
    if connection is not None:
        connection.abort()


def is_disconnected(scope: Any) -> bool:
    """Return whether the client of a request has disconnected; False if the protocol doesn't provide that."""
    connection = _connection(scope)
    return connection is not None and connection.is_closed()


def _connection(scope: Any) -> StreamConnection | None:
    connection: StreamConnection | None = scope.get(_CONNECTION)
    return connection
