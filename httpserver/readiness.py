"""Readiness signal from the web server to the supervisor: a byte through a pipe that its processes inherit."""

import os
from contextlib import suppress


class Readiness:
    """The supervisor's end of the pipe. `descriptor` is the writing end, which the web server inherits."""

    def __init__(self) -> None:
        self._received, self.descriptor = os.pipe()
        os.set_blocking(self._received, False)
        # Every worker writes, but the supervisor stops reading after the first byte, so a full pipe must not block
        # a worker.
        os.set_blocking(self.descriptor, False)

    def reached(self) -> bool:
        """Return whether a worker has signaled since the last call."""
        try:
            return bool(os.read(self._received, 4096))
        except BlockingIOError:
            return False


def signal_ready() -> None:
    """Signal that this worker accepts requests. Do nothing if there is no supervisor."""
    descriptor = os.environ.get("LATCHKEY_READY_FD")
    if descriptor is not None:
        # The supervisor may have ended. This process then ends with it.
        with suppress(OSError):
            os.write(int(descriptor), b"1")
