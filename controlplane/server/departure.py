"""The departure of all workers together: none stops listening while another one still has clients."""

import os
from contextlib import suppress


class Departure:
    """A pipe that the master and its workers share by fork. Each of them closes its writing end when it is ready, and
    the kernel does it for a process that ended, so the reading end sees the end of the file when all of them are.
    """

    def __init__(self) -> None:
        self._all_ready, self._ready = os.pipe()
        os.set_blocking(self._all_ready, False)

    def be_ready(self) -> None:
        """Note that this process may go. It may be called more than once."""
        ready, self._ready = self._ready, -1
        if ready >= 0:
            os.close(ready)

    def all_are_ready(self) -> bool:
        """Return whether every process may go."""
        with suppress(BlockingIOError):
            return os.read(self._all_ready, 1) == b""
        return False
