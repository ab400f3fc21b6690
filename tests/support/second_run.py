"""A command that runs at the same time as another one, and whose output follows the other's."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import IO, Self


class SecondRun:
    """Starts a command in a `with` block, at whose end it runs no more."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self._written: SimpleQueue[bytes] = SimpleQueue()
        assert self._process.stdout is not None
        self._reader = Thread(target=self._read, args=(self._process.stdout,), daemon=True)

    def __enter__(self) -> Self:
        self._process.__enter__()
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()  # does nothing once it has ended
        self._reader.join()
        self._process.__exit__(None, None, None)

    def finish(self) -> int:
        """Write on standard output what it has written and writes until it ends, and return its exit status."""
        while written := self._written.get():
            sys.stdout.buffer.write(written)
            sys.stdout.buffer.flush()
        return self._process.wait()

    def _read(self, stream: IO[bytes]) -> None:
        """Keep what it writes, so that it never waits for a reader. Nothing at all marks the end."""
        while part := stream.read(65536):
            self._written.put(part)
        self._written.put(b"")
