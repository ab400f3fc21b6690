"""Coordinated shutdown: no worker stops listening while another worker still has clients."""

import os
from contextlib import suppress


class ShutdownBarrier:
    """Pipe that the master and its workers share by fork, used as a barrier.

    Each process closes its writing end when it is ready to stop. The kernel does that for a process that has
    ended. The reading end therefore sees end-of-file exactly when all processes are ready.
    """

    def __init__(self) -> None:
        self._all_ready, self._ready = os.pipe()
        os.set_blocking(self._all_ready, False)

    def be_ready(self) -> None:
        """Mark this process as ready to stop. Repeated calls have no effect."""
        ready, self._ready = self._ready, -1
        if ready >= 0:
            os.close(ready)

    def all_are_ready(self) -> bool:
        """Return whether every process is ready to stop."""
        # An empty pipe with an open writing end raises BlockingIOError: a process is not ready yet.
        with suppress(BlockingIOError):
            return os.read(self._all_ready, 1) == b""
        return False
