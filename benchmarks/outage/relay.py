"""`python -m benchmarks.outage.relay PORT`: relays to that port of 127.0.0.1, and drops packets on command.

Prints the port that it listens on. Reads `drop` or `pass` from standard input, a word a line, and repeats it once it
holds. While it drops, nothing that was sent arrives, no connection is closed, and none is made: an attempt gets no
answer at all. What was sent arrives afterwards, as a sender would send it again.
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
    """Listens on `listener`. One event loop may use it."""

    def __init__(self, listener: socket.socket, port: int) -> None:
        self._listener = listener
        self._port = port
        self._passes = asyncio.Event()
        self._accepting: asyncio.Task[None] | None = None
        self._queue: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def pass_on(self) -> None:
        """Lets everything through."""
        for waiting in self._queue:
            waiting.close()
        self._queue.clear()
        self._listener.listen(_BACKLOG)
        self._passes.set()
        self._accepting = asyncio.create_task(self._accept())

    async def end(self) -> None:
        """Cuts every connection; nobody is listened to from then on."""
        if self._accepting is not None:
            self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    async def drop(self) -> None:
        """Lets nothing through. Linux leaves a SYN unanswered where the queue of a listening socket is full."""
        self._passes.clear()
        if self._accepting is not None:
            self._accepting.cancel()
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
