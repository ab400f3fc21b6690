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
    def date(self) -> bytes:
        """Return the value of the Date field for a response that is created now."""

    def answer(self, whole: bytes) -> None:
        """Send a complete response without a Connection field. `connection: close` is added if the connection ends."""

    def pass_on(self) -> None:
        """Hand the request to the application."""

    def give_up(self) -> None:
        """Abort the connection. Use it only if neither `answer` nor `pass_on` is possible."""


class FastPathEndpoint(NamedTuple):
    """An endpoint's two fast-path functions, for requests without a body. Neither function may block or await.

    `read` parses a head and returns what it asks for, or None if the application must handle it. The result
    depends on the head alone, so it is reused for identical bytes. `ask` receives that result with every request,
    and returns whether it takes over the reply. If it returns False, the application answers.
    """

    read: Callable[[Head], Any]
    ask: Callable[[Any, Reply], bool]


# Paths with a fast-path endpoint. This module can't import the endpoints, because they import it.
FAST_PATHS: Final[dict[str, FastPathEndpoint]] = {}
"""By path; `controlplane.asgi` fills it in. The application answers the same, so a server that does not ask loses
nothing but time."""
