"""Inline request: a request for a fast-path endpoint, created without uvicorn's scope and cycle."""

import asyncio
from typing import Any, Final, NamedTuple, Protocol

from httpserver.asgi_types import Scope
from httpserver.fast_path import FastPathEndpoint, Head

_NOBODY_WAITS: Final = asyncio.Event()
_CLOSE: Final = b"\r\nconnection: close\r\n"


class Question(NamedTuple):
    """A head, the endpoint of its path, and what the endpoint's `read` made of it.

    It holds a secret, so only the connection may keep it.
    """

    head: Head
    door: FastPathEndpoint
    asked: Any

    def __repr__(self) -> str:
        return f"<Question {self.head!r}>"


class InlineConnection(Protocol):
    """The connection of a request, as far as an inline request uses it."""

    transport: Any
    server_state: Any

    def scope_of(self, head: Head) -> Scope:
        """Return the request's ASGI scope, as the application receives it."""

    def on_response_complete(self) -> None:
        """Continue with the next request on the connection."""

    def start_application(self, request: "InlineRequest") -> None:
        """Hand the request to the application."""


class InlineRequest:
    """A request without a body until it is answered.

    It implements `Reply`, and those attributes of uvicorn's `RequestResponseCycle` that uvicorn and the protocol
    use.
    """

    __slots__ = ("_carrier", "_scope", "disconnected", "keep_alive", "more_body", "question", "response_complete")
    response_started = False
    message_event = _NOBODY_WAITS

    def __init__(self, carrier: InlineConnection, question: Question, keep_alive: bool) -> None:
        self._carrier = carrier
        self._scope: Scope | None = None
        self.question = question
        self.keep_alive = keep_alive
        self.disconnected = self.response_complete = self.more_body = False

    @property
    def scope(self) -> Scope:
        if self._scope is None:
            self._scope = self._carrier.scope_of(self.question.head)
        return self._scope

    @property
    def date(self) -> bytes:
        made_once_a_second: bytes = self._carrier.server_state.default_headers[0][1]
        return made_once_a_second

    def answer(self, whole: bytes) -> None:
        if self.disconnected or self.response_complete:
            return
        self.response_complete = True
        carrier = self._carrier
        if self.keep_alive:
            carrier.transport.write(whole)
        else:
            carrier.transport.write(whole.replace(b"\r\n", _CLOSE, 1))
            carrier.transport.close()
        carrier.on_response_complete()

    def pass_on(self) -> None:
        if not self.disconnected and not self.response_complete:
            # The cycle that takes its place reports completion.
            self.response_complete = True
            self._carrier.start_application(self)

    def give_up(self) -> None:
        if not self.response_complete:
            self.response_complete = True
            self._carrier.transport.abort()
