"""The load generator of the gateway: wrk, which is written in C and leaves the cores to the servers."""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measurement import CouldNotMeasure
from benchmarks.servers import program

CONNECTIONS: Final = 64
_SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_MEASURED: Final = re.compile(r"^measured((?: \d+){7})$", re.MULTILINE)
_ATTEMPTS: Final = 6


@dataclass(frozen=True, slots=True)
class Run:
    """One run of wrk: complete responses, the milliseconds within which a percentage of them came, by percent, and how
    many requests were denied, or got a 5xx or no response.
    """

    requests: int
    seconds: float
    latency_ms: dict[int, float]
    failed: int = 0

    @property
    def rate(self) -> float:
        """Return the responses per second."""
        return self.requests / self.seconds


def parse(output: str, *, may_fail: bool = False) -> Run:
    """Return what `wrk.lua` wrote. Raises CouldNotMeasure if a request failed, unless it may."""
    match = _MEASURED.search(output)
    if match is None:
        raise CouldNotMeasure(f"wrk did not measure anything: {output}")
    requests, microseconds, rejected, lost, *latencies = map(int, match[1].split())
    failed = rejected + lost
    if not requests or (failed and not may_fail):
        raise CouldNotMeasure(f"Of {requests} requests {failed} failed.")
    by_percent = {percent: value / 1000 for percent, value in zip((50, 90, 99), latencies, strict=True)}
    return Run(requests, microseconds / 1e6, by_percent, failed)


@dataclass(frozen=True, slots=True)
class Wrk:
    """Calls a URL over 64 connections on one thread with a credential, or with each line of the file `credentials` in
    turn.
    """

    url: str
    credential: str = ""
    credentials: Path | None = None

    def run(
        self, seconds: int, first: int = 0, halfway: Callable[[], None] | None = None, *, may_fail: bool = False
    ) -> Run:
        """Run for so long; `first` is the line of the file to begin with. Calls `halfway` in the middle of it."""
        command = [program("wrk"), "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
        command += ["--timeout", "10s", "--script", str(_SCRIPT)]
        if self.credentials is None:
            command += ["--header", f"X-API-Key: {self.credential}", self.url]
        else:
            command += [self.url, "--", str(self.credentials), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            if halfway is not None:
                time.sleep(seconds / 2)
                halfway()
            output = process.communicate()[0]
        if process.returncode:
            raise CouldNotMeasure(f"wrk ended with {process.returncode}: {output}")
        return parse(output, may_fail=may_fail)


def run_evenly(wrk: Wrk, workers: Sequence[int], seconds: int, first: int) -> list[Run]:
    """Run wrk until its connections are shared evenly among the workers, up to 6 times. Return all runs; use the last.

    wrk opens all of its connections at the same moment, and the first worker that wakes up may accept them all: the run
    would then be that of one worker. Only the connections decide whether it is repeated, never what was measured.
    """
    runs: list[Run] = []
    while len(runs) < _ATTEMPTS:
        before, during = open_files(workers), list[int]()
        runs.append(wrk.run(seconds, first, halfway=lambda: during.extend(open_files(workers))))  # noqa: B023
        if is_even([now - was for now, was in zip(during, before, strict=True)]):
            break
    return runs


def is_even(connections: Sequence[int]) -> bool:
    """Return whether each worker has at least half of its share."""
    return min(connections) * len(connections) * 2 >= sum(connections)


def open_files(workers: Sequence[int]) -> list[int]:
    """Return how many files each process has open."""
    return [sum(1 for _ in Path(f"/proc/{worker}/fd").iterdir()) for worker in workers]
