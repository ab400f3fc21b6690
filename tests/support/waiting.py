"""Waiting for something outside of this process."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 15.0


def wait_until(holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Returns once `holds()` does."""
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        if waited > seconds:
            raise RuntimeError(f"{what} did not come up")
        # What takes long is asked for less often, because each question costs a server's time.
        time.sleep(min(max(0.02, waited / 20), 0.2))
