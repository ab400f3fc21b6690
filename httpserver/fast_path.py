"""Fast path: lets an endpoint answer a request as soon as its header is parsed, without an asyncio task."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from httpserver.asgi_types import Fields, Scope


class Head(NamedTuple):
    """Request line and header of a request, as an ASGI scope has them: field names in lower case, the path unquoted."""

    method: str
    path: str
    query: bytes
    fields: Fields

    def __repr__(self) -> str:
        # The query and the fields may hold a secret, so neither may reach a log or a traceback.
        return f"<Head {self.method} {self.path}>"


class Reply(Protocol):
    """Handle for answering one request exactly once: with a finished response, or by handing it to the application.

    The endpoint may answer in the event loop iteration in which it received the request, or in any later one.
    Until then the request is in progress: requests behind it in the pipeline wait, up to MAX_PIPELINE, and a
    server that shuts down waits for it. If the client closes its sending half meanwhile, it still gets the
    response, and then the connection ends. If the client has disconnected, or if a method was called before, the
    methods do nothing.
    """

    @property
    def scope(self) -> Scope:
        """Return the request's ASGI scope, as the application receives it."""

    @property
    def body(self) -> bytes:
        """Return the request's body."""

    @property
    def date(self) -> bytes:
        """Return the value of the Date field for a response that is created now."""

    def respond(self, response: bytes) -> None:
        """Send a complete response without a Connection field. `connection: close` is added if the connection ends."""

    def delegate(self) -> None:
        """Hand the request to the application."""

    def abort(self) -> None:
        """Abort the connection. Use it only if neither `respond` nor `delegate` is possible."""


class FastPathEndpoint(NamedTuple):
    """An endpoint's two fast-path functions. Neither function may block or await.

    The requests are those without a body, or, with `max_body_bytes`, those with a body of up to this size that arrives
    together with the head.

    `parse` reads a head and returns what it asks for, or None if the application must handle it. The result
    depends on the head alone, so it is reused for identical bytes. `accept` receives that result with every request,
    and returns whether it takes over the reply. If it returns False, the application answers.
    """

    parse: Callable[[Head], Any]
    accept: Callable[[Any, Reply], bool]
    max_body_bytes: int = 0


# Fast-path endpoints by path, filled in by `controlplane.asgi`: this module can't import them, because they import it.
FAST_PATHS: Final[dict[str, FastPathEndpoint]] = {}
