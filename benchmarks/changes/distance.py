"""Network delay, `python -m benchmarks.changes.distance PORT MILLISECONDS`: relays to a port of 127.0.0.1 with a delay.

The delay applies in each direction. The command prints the port that it listens on, and ends when its standard input
ends.
"""

import select
import socket
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen
from time import perf_counter
from typing import Any, Final

from benchmarks.peer_environment import ROOT

_CHUNK: Final = 1 << 16


@contextmanager
def away(port: int, milliseconds: float) -> Iterator[int]:
    """Run the relay to `port` with that delay in each direction, and yield its port."""
    command = [sys.executable, "-m", "benchmarks.changes.distance", str(port), str(milliseconds)]
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


class Distance:
    """Relay between the clients of `listener` and `port`, with a delay of `seconds` in each direction."""

    def __init__(self, listener: socket.socket, port: int, seconds: float) -> None:
        self._listener, self._port, self._seconds = listener, port, seconds
        self._other: dict[socket.socket, socket.socket] = {}
        self._under_way: deque[tuple[float, socket.socket, bytes]] = deque()
        self._all: list[socket.socket] = []

    def close(self) -> None:
        """Close every connection."""
        for one in self._all:
            one.close()

    def turn(self, *more: int) -> bool:
        """Wait for the next event and handle it; return whether one of the descriptors `more` was ready."""
        # select() waits with microsecond precision. An event loop of asyncio can wake up a millisecond late.
        wait = max(0.0, self._under_way[0][0] - perf_counter()) if self._under_way else None
        watched: list[Any] = [self._listener, *self._other, *more]
        ready, _, _ = select.select(watched, [], [], wait)
        for one in ready:
            if one is self._listener:
                self._connect()
            elif one in self._other:
                self._take(one)
        while self._under_way and self._under_way[0][0] <= perf_counter():
            self._give(*self._under_way.popleft()[1:])
        return any(descriptor in ready for descriptor in more)

    def _connect(self) -> None:
        here, _ = self._listener.accept()
        there = socket.create_connection(("127.0.0.1", self._port))
        self._all += [here, there]
        for one, other in ((here, there), (there, here)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._other[one] = other

    def _take(self, one: socket.socket) -> None:
        try:
            data = one.recv(_CHUNK)
        except OSError:
            data = b""
        # Empty data is the end of the connection, which the other side must see as late as any data.
        self._under_way.append((perf_counter() + self._seconds, self._other[one], data))
        if not data:
            del self._other[one]

    def _give(self, sink: socket.socket, data: bytes) -> None:
        with suppress(OSError):
            if data:
                sink.sendall(data)
            else:
                sink.shutdown(socket.SHUT_WR)


def main(port: int, milliseconds: float) -> None:
    """Relay until standard input ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        distance = Distance(listener, port, milliseconds / 1000)
        while not distance.turn(sys.stdin.fileno()):
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
