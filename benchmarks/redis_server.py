"""A redis-server of a benchmark's own, on a free port of 127.0.0.1, that keeps nothing on disk."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import redis

from benchmarks.failure import CouldNotMeasure
from benchmarks.server import free_port

_START_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.005


class RedisServer:
    """May be killed, stopped, and started again on the same port. `directory` is where it runs."""

    def __init__(self, directory: Path) -> None:
        found = shutil.which("redis-server")
        if found is None:
            raise CouldNotMeasure("redis-server is not installed: `make packages` does it.")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [found, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory)]
        self._command += ["--save", "", "--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, empty; returns as soon as it answers."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise CouldNotMeasure(f"redis-server did not answer within {_START_SECONDS:g} s.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """It stays as it is and says nothing, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def used_memory(self) -> int:
        """The bytes that it has allocated."""
        with redis.Redis(port=self.port) as client:
            return int(client.info("memory")["used_memory"])

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """One that answers, for as long as the context lasts. Raises CouldNotMeasure where there is none to start."""
    with TemporaryDirectory(prefix="latchkey-bench-") as directory:
        server = RedisServer(Path(directory))
        try:
            server.start()
            yield server
        finally:
            server.kill()
