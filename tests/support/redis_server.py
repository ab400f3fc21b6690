"""Temporary Redis servers on free ports of 127.0.0.1, to be killed, stopped and started again."""

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

from tests.support.ports import free_port

_START_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.005


@dataclass
class RedisServer:
    """A server that keeps nothing on disk, unless `arguments` say so: then in a directory that is removed with it."""

    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _directory: TemporaryDirectory[str] = field(default_factory=lambda: TemporaryDirectory(prefix="latchkey-redis-"))
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def directory(self) -> str:
        """Where it runs."""
        return self._directory.name

    def start(self) -> Self:
        """Start it, and return once it responds. Raises RuntimeError if it does not, or is not installed."""
        found = shutil.which("redis-server")
        if found is None:
            raise RuntimeError("redis-server is not installed: `make packages` does it.")
        command = [found, *self.options(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory]
        self._process = subprocess.Popen(
            [*command, *self.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not respond within {_START_SECONDS:g} s.")
            time.sleep(_POLL_SECONDS)
        return self

    def options(self) -> list[str]:
        """Return the options in front of `arguments`."""
        return ["--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        """Return whether it responds within a second, if only to ask for a password."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def client(self) -> redis.Redis:
        """Return a client."""
        return redis.Redis(port=self.port)

    def used_memory(self) -> int:
        """Return the bytes that it has allocated."""
        with self.client() as client:
            return int(client.info("memory")["used_memory"])

    def stop(self) -> None:
        """Stop its process until `go_on`: connections stay open, and nothing responds."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and remove its directory."""
        self.kill()
        self._directory.cleanup()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


@contextmanager
def running(*servers: RedisServer) -> Iterator[None]:
    """Run the servers for as long as the context lasts."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.close()
