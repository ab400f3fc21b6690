"""Things that are made once in a run of the suite, however many processes share it."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a directory that `make` fills when it is first asked for; the other processes wait for it meanwhile."""
    base = factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base  # as pytest-xdist names those of its processes
    place = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = place / ".made"
        if not done.exists():
            place.mkdir(exist_ok=True)
            make(place)
            done.touch()
    return place
