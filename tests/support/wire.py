"""What a session of PostgreSQL sends and gets, as libpq writes it down: how often one waits for the other."""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created
from django.dispatch import Signal

# PQtrace writes a line for each message: its direction (F to the server, B back), its length and its kind.
_MESSAGE = re.compile(r"^(?:\S+ \S+\t)?([FB])\t\d+\t(\w+)(.*)$")
LOCKS_THE_HEAD = re.compile(r'FROM "events_chainhead".* FOR UPDATE', re.DOTALL)
POOL_ASKS = "(the pool asks)"
ENDS = re.compile(r"^\s*\"?(COMMIT|ROLLBACK)\b")


@dataclass
class Wire:
    """The messages to the server, each of which was waited for."""

    sent: list[str] = field(default_factory=list)

    @property
    def held(self) -> list[str]:
        """Those from the one that takes the event log to the end of its transaction, both included."""
        places = [place for place, text in enumerate(self.sent) if LOCKS_THE_HEAD.search(text)]
        if not places:
            return []
        first = places[0]
        last = next(place for place in range(first, len(self.sent)) if ENDS.search(self.sent[place]))
        return self.sent[first : last + 1]


@contextmanager
def watched() -> Iterator[Wire]:
    """Watch what this thread sends. It gets a session from the pool first, as for each request; that the pool then asks
    whether the session is alive cannot be seen here, and is counted.
    """
    wire = Wire()
    with tempfile.TemporaryFile("w+") as file:

        def trace(sender: object, connection: Any, **_: object) -> None:
            wire.sent.append(POOL_ASKS)
            connection.connection.pgconn.trace(file.fileno())

        connection.close()
        with receiving(connection_created, trace):
            yield wire
        if connection.connection is not None:
            connection.connection.pgconn.untrace()
        file.seek(0)
        wire.sent += _round_trips(file.read())


@contextmanager
def receiving(signal: Signal, receiver: Callable[..., None]) -> Iterator[None]:
    """Have `receiver` called for as long as the context lasts."""
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def _round_trips(trace: str) -> list[str]:
    sent: list[str] = []
    direction = "B"
    for line in trace.splitlines():
        found = _MESSAGE.match(line)
        if found is None:  # a text of several lines goes on
            if direction == "F" and sent:
                sent[-1] += f"\n{line}"
            continue
        if found[1] == "F":
            if direction == "B":
                sent.append("")
            sent[-1] += found[3]
        direction = found[1]
    return sent
