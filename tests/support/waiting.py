"""Waiting for something outside of this process."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 15.0


def wait_until(holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Returns once `holds()` does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up")
        time.sleep(0.02)
