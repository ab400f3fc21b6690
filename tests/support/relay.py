"""A relay in front of a TCP service, for tests of what happens while that is away."""

import asyncio
import socket
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Literal, Self

Mode = Literal["pass", "refuse", "hang", "drop"]
CHUNK = 1 << 16


class Relay:
    """Listens on a free port of 127.0.0.1 and passes on to `host`:`port`, on a thread of its own.

    `pass`: bytes go both ways. `refuse`: connections are cut, and new ones are refused. `drop`: connections are cut,
    new ones as soon as they are made. `hang`: connections stay, new ones are made, and nothing is said on any; what was
    sent meanwhile arrives in the next `pass`, as after a server was stopped and went on.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._mode: Mode = "pass"
        self._connections: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Task[None] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._passes = asyncio.Event()
        self._thread = Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        self.set("pass")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def set(self, mode: Mode) -> None:
        """Changes the mode; it holds when this returns."""
        self._do(self._change(mode))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _change(self, mode: Mode) -> None:
        self._mode = mode
        if mode in ("refuse", "drop"):
            self._cut()
        if mode == "refuse" and self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None
        if mode != "refuse" and self._listening is None:
            listener = socket.create_server(("127.0.0.1", self.port))
            self.port = listener.getsockname()[1]
            self._listening = asyncio.create_task(self._listen(listener))
        if mode == "pass":
            self._passes.set()
        else:
            self._passes.clear()

    async def _end(self) -> None:
        await self._change("refuse")
        self._passes.set()  # a task that waits finds its connection cut
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # in which aborted transports close their sockets

    def _cut(self) -> None:
        for writer in self._connections:
            writer.transport.abort()
        self._connections.clear()

    async def _listen(self, listener: socket.socket) -> None:
        """Accept connections until cancelled. asyncio's own server loses a connection that it has accepted but not yet
        handed over when it is closed, and leaves that open.
        """
        accepted: set[asyncio.Task[None]] = set()
        with listener:
            listener.setblocking(False)
            while True:
                connection, _ = await self._loop.sock_accept(listener)
                task = asyncio.create_task(self._accept(connection))
                accepted.add(task)
                task.add_done_callback(accepted.discard)

    async def _accept(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        if self._mode in ("drop", "refuse"):
            writer.transport.abort()
            return
        self._connections.add(writer)
        try:
            await self._passes.wait()
            if self._mode != "pass":
                raise ConnectionAbortedError
            theirs_reader, theirs = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._connections.add(theirs)
        await asyncio.gather(self._pump(reader, theirs), self._pump(theirs_reader, writer))
        for one in (writer, theirs):
            one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
            self._connections.discard(writer)
