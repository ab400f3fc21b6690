"""What the protocol and an application whose answer has no end tell each other, through the request's scope."""

from asyncio import WriteTransport
from collections.abc import Callable
from typing import Any, Final

_ENDING: Final = "latchkey.ending"
_TRANSPORT: Final = "latchkey.transport"


class Ending:
    """Left in a scope by an application whose answer has no end of its own: how it is asked to end it."""

    def __init__(self, scope: Any) -> None:
        self._end: Callable[[], None] | None = None
        self._asked = False
        scope[_ENDING] = self

    def by(self, end: Callable[[], None]) -> None:
        """`end` ends the answer; it is called at once where that was asked before."""
        self._end = end
        if self._asked:
            end()

    def ask(self) -> None:
        """The server stops, or the client is gone."""
        self._asked = True
        if self._end is not None:
            self._end()


def ask_to_end(scope: Any) -> bool:
    """Asks the application to end its answer; False where the answer ends by itself."""
    ending = scope.get(_ENDING)
    if not isinstance(ending, Ending):
        return False
    ending.ask()
    return True


def allow_abort(scope: Any, transport: WriteTransport) -> None:
    """Lets the application drop the connection, with what was not yet sent on it."""
    scope[_TRANSPORT] = transport


def abort(scope: Any) -> None:
    """Drops the connection, where the protocol allows it."""
    transport: WriteTransport | None = scope.get(_TRANSPORT)
    if transport is not None:
        transport.abort()
