"""The web server's signal to the supervisor that a worker serves: a byte through a pipe that its processes inherit."""

import os
from contextlib import suppress


class Readiness:
    """The supervisor's end of the pipe; `descriptor` is the other one, for the web server to keep."""

    def __init__(self) -> None:
        self._received, self.descriptor = os.pipe()
        os.set_blocking(self._received, False)
        os.set_blocking(self.descriptor, False)  # each worker writes, and only the first byte is read

    def reached(self) -> bool:
        """Return whether a worker has signaled since this was asked last."""
        try:
            return bool(os.read(self._received, 4096))
        except BlockingIOError:
            return False


def signal_ready() -> None:
    """Signal that this worker serves. Does nothing if no supervisor listens."""
    descriptor = os.environ.get("LATCHKEY_READY_FD")
    if descriptor is not None:
        with suppress(OSError):  # the supervisor has ended, and this process ends with it
            os.write(int(descriptor), b"1")
