"""Signals between the protocol and an application with a streaming response, passed through the request's scope."""

from collections.abc import Callable
from typing import Any, Final, Protocol

_ENDING: Final = "latchkey.ending"
_CONNECTION: Final = "latchkey.connection"


class Connection(Protocol):
    """The connection of a request, as far as its application may use it."""

    def abort(self) -> None:
        """Drop the connection and everything that was not sent yet."""

    def ignore_further_input(self) -> None:
        """Drop everything after the request in progress, but keep reading, so that a disconnect is noticed."""


class StreamHandle:
    """Handle that an application leaves in the scope of a streaming response: the server ends the response with it."""

    def __init__(self, scope: Any) -> None:
        self._end: Callable[[], None] | None = None
        self._asked = False
        self._scope = scope
        scope[_ENDING] = self

    def by(self, end: Callable[[], None]) -> None:
        """Register `end`, which ends the response. Call it immediately if the end was requested before.

        No request behind this one on the connection is answered.
        """
        self._end = end
        if self._asked:
            end()
        connection = _connection(self._scope)
        if connection is not None:
            connection.ignore_further_input()

    def ask(self) -> None:
        """Request the end of the response, because the server shuts down or the client has disconnected."""
        self._asked = True
        if self._end is not None:
            self._end()


def end_stream(scope: Any) -> bool:
    """Request the end of a streaming response. Return False if the response is not a stream and ends normally."""
    ending = scope.get(_ENDING)
    if not isinstance(ending, StreamHandle):
        return False
    ending.ask()
    return True


def hand_over(scope: Any, connection: Connection) -> None:
    """Store the connection in the scope for its application."""
    scope[_CONNECTION] = connection


def abort(scope: Any) -> None:
    """Drop the connection, if the protocol provides it."""
    connection = _connection(scope)
    if connection is not None:
        connection.abort()


def _connection(scope: Any) -> Connection | None:
    found: Connection | None = scope.get(_CONNECTION)
    return found
