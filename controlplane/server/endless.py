"""What the protocol and an application whose answer has no end tell each other, through the request's scope."""

from collections.abc import Callable
from typing import Any, Final, Protocol

_ENDING: Final = "latchkey.ending"
_CONNECTION: Final = "latchkey.connection"


class Connection(Protocol):
    """The connection that a request came on, as its application may use it."""

    def abort(self) -> None:
        """Drops it, with what was not yet sent on it."""

    def hear_no_more(self) -> None:
        """Drops what comes after the request that is under way, and goes on reading, so that its end is seen."""


class Ending:
    """Left in a scope by an application whose answer has no end of its own: how it is asked to end it."""

    def __init__(self, scope: Any) -> None:
        self._end: Callable[[], None] | None = None
        self._asked = False
        self._scope = scope
        scope[_ENDING] = self

    def by(self, end: Callable[[], None]) -> None:
        """`end` ends the answer; it is called at once where that was asked before. No request behind it is answered."""
        self._end = end
        if self._asked:
            end()
        connection = _connection(self._scope)
        if connection is not None:
            connection.hear_no_more()

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


def hand_over(scope: Any, connection: Connection) -> None:
    """Lets the application of `scope` use the connection."""
    scope[_CONNECTION] = connection


def abort(scope: Any) -> None:
    """Drops the connection, where the protocol allows it."""
    connection = _connection(scope)
    if connection is not None:
        connection.abort()


def _connection(scope: Any) -> Connection | None:
    found: Connection | None = scope.get(_CONNECTION)
    return found
