"""Packet loss, `python -m benchmarks.outage.relay PORT`: relays to a port of 127.0.0.1, and drops packets on command.

The command prints the port that it listens on. It reads lines from standard input, `drop` or `pass`, and prints each
back once it is in effect. While it drops, no data arrives, no connection closes, and none is established: an attempt
gets no response. Data that was sent in the meantime arrives afterwards, like TCP retransmissions.
"""

import asyncio
import socket
import sys
from contextlib import closing, suppress
from typing import Final

_CHUNK: Final = 1 << 16
_BACKLOG: Final = 128
_UNANSWERED_SECONDS: Final = 0.05


class Relay:
    """Relay from `listener` to `port` on 127.0.0.1. All calls must come from one event loop."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self._listener = listener
        self._port = port
        self._passes = asyncio.Event()
        self._accepting: asyncio.Task[None] | None = None
        self._queue: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def pass_on(self) -> None:
        """Relay everything."""
        for waiting in self._queue:
            waiting.close()
        self._queue.clear()
        self._listener.listen(_BACKLOG)
        self._passes.set()
        self._accepting = asyncio.create_task(self._accept())

    async def end(self) -> None:
        """Close every connection, and stop listening."""
        if self._accepting is not None:
            self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    async def drop(self) -> None:
        """Relay nothing; return once new connections get no response either."""
        self._passes.clear()
        if self._accepting is not None:
            self._accepting.cancel()
        # Linux doesn't respond to a SYN if the listening socket's queue is full. So shrink the queue, and fill it.
        self._listener.listen(0)
        while await self._is_answered():
            pass

    async def _is_answered(self) -> bool:
        attempt = socket.socket()
        attempt.setblocking(False)
        self._queue.append(attempt)
        try:
            async with asyncio.timeout(_UNANSWERED_SECONDS):
                await asyncio.get_running_loop().sock_connect(attempt, self._listener.getsockname())
        except TimeoutError:
            return False
        return True

    async def _accept(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            task = asyncio.create_task(self._connect(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        with closing(writer), suppress(OSError):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._port)
            with closing(there):
                await asyncio.gather(self._pump(reader, there), self._pump(there_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        # The end of a connection is a packet too, so it waits like data.
        await self._passes.wait()
        writer.close()


async def _obey(port: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    relay = Relay(listener, port)
    await relay.pass_on()
    print(listener.getsockname()[1], flush=True)
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        await (relay.drop() if word == "drop" else relay.pass_on())
        print(word, flush=True)
    await relay.end()


if __name__ == "__main__":
    asyncio.run(_obey(int(sys.argv[1])))
