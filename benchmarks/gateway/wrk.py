"""Load generator of the gateway: wrk, which is written in C and leaves most CPU time to the servers."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.failure import CouldNotMeasure

CONNECTIONS: Final = 64
_SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_MEASURED: Final = re.compile(r"^measured((?: \d+){7})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    """Result of one run of wrk: the number of complete responses, and latencies in milliseconds by percentile."""

    requests: int
    seconds: float
    latency_ms: dict[int, float]

    @property
    def rate(self) -> float:
        """Responses per second."""
        return self.requests / self.seconds


def parse(output: str) -> Run:
    """Return the result that `wrk.lua` printed. Raise CouldNotMeasure if a request was denied or failed."""
    match = _MEASURED.search(output)
    if match is None:
        raise CouldNotMeasure(f"wrk did not say what it measured: {output}")
    requests, microseconds, refused, failed, *latencies = map(int, match[1].split())
    if refused or failed or not requests:
        raise CouldNotMeasure(f"Of {requests} requests {refused} were refused, and {failed} failed.")
    by_percent = {percent: value / 1000 for percent, value in zip((50, 90, 99), latencies, strict=True)}
    return Run(requests, microseconds / 1e6, by_percent)


@dataclass(frozen=True, slots=True)
class Wrk:
    """wrk for one URL, with 64 connections on one thread.

    Requests use `credential`, or the lines of the file `credentials` in turn.
    """

    url: str
    credential: str = ""
    credentials: Path | None = None

    def run(self, seconds: int, first: int = 0, halfway: Callable[[], None] | None = None) -> Run:
        """Run wrk for `seconds`, starting at line `first` of the file; call `halfway` in the middle of the run.

        Raise CouldNotMeasure if wrk fails, or if a request was denied or failed.
        """
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
        return parse(output)


def program(name: str) -> str:
    """Return the path of a program in .ci/packages. Raise CouldNotMeasure if it isn't installed."""
    found = shutil.which(name)
    if found is None:
        raise CouldNotMeasure(f"{name} is not installed: `make packages` does it.")
    return found
