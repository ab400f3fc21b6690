"""Runs of wrk over connections that are shared out among the workers.

wrk opens all of its connections at once, and a worker that is awake first may take them all: the run would then be one
of a single worker. Such a run is made again. What decides is how the connections lie, never what was measured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.gateway.wrk import Run, Wrk

_ATTEMPTS: Final = 6


def run_evenly(wrk: Wrk, workers: Sequence[int], seconds: int, first: int) -> list[Run]:
    """All runs that were made; the last is the one to take, also where none was even."""
    runs: list[Run] = []
    while len(runs) < _ATTEMPTS:
        before, during = _open_files(workers), list[int]()
        runs.append(wrk.run(seconds, first, halfway=lambda: during.extend(_open_files(workers))))  # noqa: B023
        if is_even([now - was for now, was in zip(during, before, strict=True)]):
            break
    return runs


def is_even(connections: Sequence[int]) -> bool:
    """Whether each worker has at least half of its share."""
    return min(connections) * len(connections) * 2 >= sum(connections)


def _open_files(workers: Sequence[int]) -> list[int]:
    return [sum(1 for _ in Path(f"/proc/{worker}/fd").iterdir()) for worker in workers]
