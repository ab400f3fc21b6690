"""Answers without a task of the event loop: made whole, in the turn in which their requests came."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from controlplane.server.asgi_types import Scope


class Reply(Protocol):
    """How a request is answered, once: with bytes, or by the application after all."""

    @property
    def date(self) -> bytes:
        """The value of Date for this answer."""

    def answer(self, whole: bytes) -> None:
        """Sends a whole answer."""

    def pass_on(self) -> None:
        """Lets the application answer."""


AtOnce = Callable[[Scope, Reply], bool]
"""Whether it sees to a request: it then calls one of the two methods of the reply, in this turn of the event loop. It
must not wait for anything. Where it says no, the application answers."""

AT_ONCE: Final[dict[str, AtOnce]] = {}
"""By path; `controlplane.asgi` fills it in. The application answers the same, so a server that does not ask loses
nothing but time."""


class CycleReply:
    """The reply to the request of a `RequestResponseCycle`; `start` gives that to the application."""

    __slots__ = ("_cycle", "_start", "_transport")

    def __init__(self, cycle: Any, transport: Any, start: Callable[[], None]) -> None:
        self._cycle = cycle
        self._transport = transport
        self._start = start

    @property
    def date(self) -> bytes:
        value: bytes = self._cycle.default_headers[0][1]
        return value

    def answer(self, whole: bytes) -> None:
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        self._transport.write(whole)
        if not cycle.keep_alive:  # the client ended its half, or the server stops, since it was asked
            self._transport.close()
        cycle.on_response()

    def pass_on(self) -> None:
        if not self._cycle.disconnected:
            self._start()
