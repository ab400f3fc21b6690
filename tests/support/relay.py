"""A relay in front of a TCP service, for what happens while the service is down, unreachable or far away."""

import asyncio
import selectors
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Literal, Self, get_args

Mode = Literal["pass", "refuse", "hang", "drop", "lose"]
ROOT = Path(__file__).parent.parent.parent
CHUNK = 1 << 16
BACKLOG = 128
UNANSWERED_SECONDS = 0.05


class Relay:
    """Listens on a free port of 127.0.0.1 and forwards to `host`:`port`, on its own thread.

    - `pass`: bytes go both ways, each `delay` seconds later.
    - `refuse`: connections are cut, and new ones are refused.
    - `drop`: connections are cut, and new ones are cut as soon as they are made.
    - `hang`: connections stay and new ones are made, but no byte is forwarded. What was sent in the meantime arrives in
      the next `pass`, as after a server was stopped and continued.
    - `lose`: as `hang`, but attempts to connect get no reply at all, as if the network lost every packet.

    `connections` counts those that were made through it.
    """

    def __init__(self, host: str, port: int, *, delay: float = 0.0) -> None:
        self._target = (host, port)
        self._delay = delay
        self._mode: Mode = "pass"
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._unanswered: list[socket.socket] = []
        self.port = 0
        self.connections = 0

    def __enter__(self) -> Self:
        # select() waits with microsecond precision, epoll with milliseconds.
        self._loop = asyncio.SelectorEventLoop(selectors.SelectSelector() if self._delay else None)
        self._passing = asyncio.Event()
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
        """Change the mode; it holds when this returns."""
        self._do(self._change(mode))

    def cut(self) -> None:
        """Cut every connection. New ones are treated as before."""
        self._do(self._cut())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _change(self, mode: Mode) -> None:
        self._mode = mode
        if mode in ("refuse", "drop"):
            await self._cut()
        if mode == "pass":
            self._passing.set()
        else:
            self._passing.clear()
        if mode in ("refuse", "lose") and self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None
        if mode == "refuse" and self._listener is not None:
            self._listener.close()
            self._listener = None
            return
        if self._listener is None and mode != "refuse":
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listener.setblocking(False)
            self.port = self._listener.getsockname()[1]
        if mode == "lose":
            await self._answer_no_attempt()
        elif mode != "refuse" and self._listening is None:
            await self._answer_attempts()

    async def _answer_attempts(self) -> None:
        assert self._listener is not None
        while self._unanswered:
            self._unanswered.pop().close()
        self._listener.listen(BACKLOG)
        self._listening = asyncio.create_task(self._listen(self._listener))

    async def _answer_no_attempt(self) -> None:
        """Fill the queue of the listening socket: Linux then leaves each further SYN unanswered."""
        assert self._listener is not None
        self._listener.listen(0)
        try:
            while True:
                attempt = socket.socket()
                attempt.setblocking(False)
                self._unanswered.append(attempt)
                async with asyncio.timeout(UNANSWERED_SECONDS):
                    await self._loop.sock_connect(attempt, self._listener.getsockname())
        except TimeoutError:
            return

    async def _end(self) -> None:
        await self._change("refuse")
        self._passing.set()  # a task that waits finds its connection cut
        while self._unanswered:
            self._unanswered.pop().close()
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # in which aborted transports close their sockets

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _listen(self, listener: socket.socket) -> None:
        """Accept connections until cancelled. asyncio's own server loses a connection that it has accepted but not yet
        handed over when it is closed, and leaves that open.
        """
        accepted: set[asyncio.Task[None]] = set()
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
        self._writers.add(writer)
        try:
            await self._passing.wait()
            if self._mode != "pass":
                raise ConnectionAbortedError
            theirs_reader, theirs = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        self._writers.add(theirs)
        await asyncio.gather(self._pump(reader, theirs), self._pump(theirs_reader, writer))
        for one in (writer, theirs):
            one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                if self._delay:
                    self._loop.call_later(self._delay, writer.write, data)
                else:
                    writer.write(data)
                    await writer.drain()
            await asyncio.sleep(self._delay)  # the end arrives after what was sent before it
        except OSError:
            pass
        finally:
            writer.close()
            self._writers.discard(writer)


@contextmanager
def relay_process(port: int, *, delay: float = 0.0) -> Iterator[tuple[int, Callable[[Mode], None]]]:
    """Run a relay to a port of 127.0.0.1 in its own process, so that it takes no time from a load generator in this one.
    Yields the relay's port and the function that sets its mode.
    """
    command, pipe = [sys.executable, "-m", "tests.support.relay", str(port), str(delay)], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def read() -> str:
            if not (line := stdout.readline()):
                raise RuntimeError("The relay ended.")
            return line

        def set_mode(mode: Mode) -> None:
            stdin.write(f"{mode}\n")
            stdin.flush()
            read()

        try:
            yield int(read()), set_mode
        finally:
            process.kill()


def main(port: int, delay: float) -> None:
    """Print the relay's port, then set each mode that standard input gives, one a line, and print it once it holds."""
    with Relay("127.0.0.1", port, delay=delay) as relay:
        print(relay.port, flush=True)
        for line in sys.stdin:
            for mode in get_args(Mode):
                if mode == line.strip():
                    relay.set(mode)
            print(line, end="", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
