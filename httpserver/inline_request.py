"""Inline request: a request for a fast-path endpoint, created without uvicorn's scope and cycle."""

import asyncio
from typing import Any, Final, NamedTuple, Protocol

from httpserver.asgi_types import Scope
from httpserver.fast_path import FastPathEndpoint, Head

_UNUSED_EVENT: Final = asyncio.Event()
_CLOSE: Final = b"\r\nconnection: close\r\n"


class ParsedRequest(NamedTuple):
    """A head, the endpoint of its path, and what the endpoint's `parse` made of it.

    It holds a secret, so only the connection may keep it.
    """

    head: Head
    endpoint: FastPathEndpoint
    value: Any

    def __repr__(self) -> str:
        return f"<ParsedRequest {self.head!r}>"


class InlineConnection(Protocol):
    """The connection of a request, as far as an inline request uses it."""

    transport: Any
    server_state: Any

    def build_scope(self, head: Head) -> Scope:
        """Return the request's ASGI scope, as the application receives it."""

    def on_response_complete(self) -> None:
        """Continue with the next request on the connection."""

    def start_application(self, request: "InlineRequest") -> None:
        """Hand the request to the application."""


class InlineRequest:
    """A request for a fast-path endpoint until it is answered.

    It implements `Reply`, and those attributes of uvicorn's `RequestResponseCycle` that uvicorn and the protocol
    use.
    """

    __slots__ = (
        "_connection",
        "_scope",
        "body",
        "disconnected",
        "keep_alive",
        "more_body",
        "parsed",
        "response_complete",
    )
    response_started = False
    message_event = _UNUSED_EVENT

    def __init__(self, connection: InlineConnection, parsed: ParsedRequest, keep_alive: bool) -> None:
        self._connection = connection
        self._scope: Scope | None = None
        self.parsed = parsed
        self.keep_alive = keep_alive
        self.body = b""
        self.disconnected = self.response_complete = self.more_body = False

    @property
    def scope(self) -> Scope:
        if self._scope is None:
            self._scope = self._connection.build_scope(self.parsed.head)
        return self._scope

    @property
    def date(self) -> bytes:
        cached_date: bytes = self._connection.server_state.default_headers[0][1]
        return cached_date

    def respond(self, response: bytes) -> None:
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        connection = self._connection
        if self.keep_alive:
            connection.transport.write(response)
        else:
            connection.transport.write(response.replace(b"\r\n", _CLOSE, 1))
            connection.transport.close()
        connection.on_response_complete()

    def delegate(self) -> None:
        if not self.disconnected and not self.response_complete:
            # The cycle that takes its place reports completion.
            self.response_complete = True
            self._connection.start_application(self)

    def abort(self) -> None:
        if not self.response_complete:
            self.response_complete = True
            self._connection.transport.abort()
