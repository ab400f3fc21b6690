"""A relay in front of a TCP service, for tests of what happens while that is away."""

import asyncio
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
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
        if mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
        if mode != "refuse" and self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        if mode == "pass":
            self._passes.set()
        else:
            self._passes.clear()

    async def _end(self) -> None:
        await self._change("refuse")
        self._passes.set()  # whoever hangs finds its connection cut
        await asyncio.gather(*self._tasks)

    def _cut(self) -> None:
        for writer in self._connections:
            writer.transport.abort()
        self._connections.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "drop":
            writer.transport.abort()
            return
        self._connections.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
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
