"""Answers without a task of the event loop: a door that is asked as soon as a request's head is there."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from controlplane.server.asgi_types import Fields, Scope


class Head(NamedTuple):
    """What a request says ahead of its body, as an ASGI scope has it: names in lower case, the path unquoted."""

    method: str
    path: str
    query: bytes
    fields: Fields

    def __repr__(self) -> str:
        return f"<Head {self.method} {self.path}>"  # its fields and its query may hold a secret


class Reply(Protocol):
    """How a request is answered, once: with bytes, or by the application after all. In the turn of the event loop in
    which it was asked, or in any later one.

    Until then the request is under way. Those behind it in the pipeline wait, up to the bound of the pipeline. A client
    that ends its half meanwhile gets the answer, and a server that stops waits for it; then the connection ends. To a
    client that has left nothing is said: both methods do nothing, as they do where one of them was called before.
    """

    @property
    def scope(self) -> Scope:
        """The request as the application gets it."""

    @property
    def date(self) -> bytes:
        """The value of Date for an answer that is made now."""

    def answer(self, whole: bytes) -> None:
        """Sends a whole answer, which says nothing of the connection: that it ends is added where it does."""

    def pass_on(self) -> None:
        """Lets the application answer."""

    def give_up(self) -> None:
        """Ends the connection, where neither of both can be done."""


class AtOnce(NamedTuple):
    """A door that answers requests without a body without the application, where it can. Neither function may wait for
    anything.

    `read` says what a head asks for, or None where that is for the application. It depends on the head alone, so what
    it said holds for the same bytes again. `ask` is told so, for each request, and says whether it sees to the reply;
    where it says no, the application answers.
    """

    read: Callable[[Head], Any]
    ask: Callable[[Any, Reply], bool]


AT_ONCE: Final[dict[str, AtOnce]] = {}
"""By path; `controlplane.asgi` fills it in. The application answers the same, so a server that does not ask loses
nothing but time."""
