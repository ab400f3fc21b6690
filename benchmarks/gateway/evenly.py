"""Runs of wrk with connections that are evenly distributed over the workers.

wrk opens all its connections at the same time, and the first worker that wakes up may accept them all. The run then
measures a single worker, and is repeated. Only the distribution of the connections decides about that, never the
measured rate.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.gateway.wrk import Run, Wrk

_ATTEMPTS: Final = 6


def run_evenly(wrk: Wrk, workers: Sequence[int], seconds: int, first: int) -> list[Run]:
    """Run wrk until the connections are evenly distributed, at most 6 times; return all runs.

    Use the last one, which may be uneven if all attempts failed.
    """
    runs: list[Run] = []
    while len(runs) < _ATTEMPTS:
        # wrk doesn't report which worker accepted a connection, so compare the numbers of open files.
        before, during = _open_files(workers), list[int]()
        runs.append(wrk.run(seconds, first, halfway=lambda: during.extend(_open_files(workers))))  # noqa: B023
        if is_even([now - was for now, was in zip(during, before, strict=True)]):
            break
    return runs


def is_even(connections: Sequence[int]) -> bool:
    """Return whether every worker has at least half of its share."""
    return min(connections) * len(connections) * 2 >= sum(connections)


def _open_files(workers: Sequence[int]) -> list[int]:
    return [sum(1 for _ in Path(f"/proc/{worker}/fd").iterdir()) for worker in workers]
