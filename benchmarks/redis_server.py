"""Redis servers on free ports of 127.0.0.1 that can be killed, suspended and started again."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Final, Self

import redis

from benchmarks.failure import CouldNotMeasure
from benchmarks.ports import free_port

_START_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.005


@dataclass
class RedisServer:
    """A Redis server. It keeps nothing on disk unless `arguments` enable it, in a directory that `close` deletes."""

    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _directory: TemporaryDirectory[str] = field(default_factory=lambda: TemporaryDirectory(prefix="latchkey-redis-"))
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def directory(self) -> str:
        """The path of the server's working directory."""
        return self._directory.name

    def start(self) -> Self:
        """Start the server, and wait until it responds. Raise CouldNotMeasure if it doesn't, or isn't installed."""
        found = shutil.which("redis-server")
        if found is None:
            raise CouldNotMeasure("redis-server is not installed: `make packages` does it.")
        command = [found, *self.options(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        self._process = subprocess.Popen(
            [*command, *self.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise CouldNotMeasure(f"redis-server did not answer within {_START_SECONDS:g} s.")
            time.sleep(_POLL_SECONDS)
        return self

    def options(self) -> list[str]:
        """Return the command line options that precede `arguments`, which can override them."""
        return ["--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        """Return whether the server responds within a second, even if it only asks for a password."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def client(self) -> redis.Redis:
        """Return a new client of the server."""
        return redis.Redis(port=self.port)

    def used_memory(self) -> int:
        """Return the number of bytes that the server has allocated."""
        with self.client() as client:
            return int(client.info("memory")["used_memory"])

    def stop(self) -> None:
        """Suspend the server until `go_on`: it keeps its state and connections, but doesn't respond."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server immediately. It can be started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Kill the server, and delete its directory."""
        self.kill()
        self._directory.cleanup()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


@contextmanager
def running(*servers: RedisServer) -> Iterator[None]:
    """Run the servers while the context lasts."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.close()
