"""Number of keys: the time of a request with a million keys, compared with a thousand keys."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import paths
from benchmarks.balance import connect, workers_of
from benchmarks.condition import Condition
from benchmarks.gateway.evenly import run_evenly
from benchmarks.gateway.names import MANY_KEYS, WORKERS
from benchmarks.gateway.processor_time import processor_seconds
from benchmarks.gateway.wrk import Wrk
from benchmarks.installation import Installation
from benchmarks.section import Section
from benchmarks.series import Series, ratio

FEW: Final = "1,000 keys"
MANY: Final = "1,000,000 keys"
SPREAD: Final = "1,000,000 keys, all of them asked"
_WORKING_SET: Final = 1000
_SECONDS: Final = 5
"""Duration of a round: the time for which a worker trusts a cached record, so a round reloads every key in use once."""

_WARMING_SECONDS: Final = 3
"""Duration of the warm-up before a round, because the cached records become stale while the other candidates run."""

_STEP: Final = 200_000
"""Lines between the starts of two rounds in the file of credentials: more than a round uses, so no keys repeat."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate that `wrk` measures and `workers` serve, and the microseconds per request in every round.

    `elapsed` is wall clock time, `processor` is CPU time. With `warms`, every round starts with a warm-up.
    """

    name: str
    wrk: Wrk
    workers: Sequence[int]
    warms: bool = True
    elapsed: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take(self, first: int) -> None:
        """Measure one round, starting at line `first` of the credentials."""
        if self.warms:
            run_evenly(self.wrk, self.workers, _WARMING_SECONDS, first)
        before = processor_seconds(self.workers)
        runs = run_evenly(self.wrk, self.workers, _SECONDS, first)
        taken = processor_seconds(self.workers) - before
        self.elapsed.append(1e6 / runs[-1].rate)
        self.processor.append(1e6 * taken / sum(run.requests for run in runs))

    def forget(self) -> None:
        """Discard the rounds so far."""
        self.elapsed.clear()
        self.processor.clear()


def measure(rounds: int) -> list[Section]:
    """Measure both installations with the same number of keys in use, and the larger one with all of its keys in use.

    The candidates take turns. Return the sections.
    """
    with _filled(_WORKING_SET) as (few, few_workers, few_keys), _filled(1_000_000) as (many, many_workers, many_keys):
        working_set = many_keys.with_name("working-set")
        lines = many_keys.read_text(encoding="ascii").splitlines(keepends=True)
        # Keys from all over the tables, because neighbors would share database pages.
        working_set.write_text("".join(lines[:: len(lines) // _WORKING_SET]), encoding="ascii")
        candidates = (
            Candidate(FEW, Wrk(few, credentials=few_keys), few_workers),
            Candidate(MANY, Wrk(many, credentials=working_set), many_workers),
            Candidate(SPREAD, Wrk(many, credentials=many_keys), many_workers, warms=False),
        )
        first = count(0, _STEP)
        for number in range(rounds + 1):
            for candidate in candidates:
                candidate.take(next(first))
                # The first round warms up imports, caches and the first database connections.
                if number == 0:
                    candidate.forget()
    elapsed = [Series(it.name, tuple(it.elapsed)) for it in candidates]
    return [section(elapsed), of_processor([Series(it.name, tuple(it.processor)) for it in candidates])]


def section(measured: list[Series]) -> Section:
    """Return the section with the times, and the condition for those with the same number of keys in use."""
    few, many, _ = measured
    condition = Condition(f"{MANY} over {FEW}, each asked for {_WORKING_SET:,}", ratio(many, few), "<=", MANY_KEYS)
    title = f"A request to /v1/check by the number of keys, {WORKERS} workers"
    return Section("gateway-keys", title, "µs", FEW, tuple(measured), (condition,))


def of_processor(measured: list[Series]) -> Section:
    """Return the section with the workers' CPU times."""
    title = f"Processor time of a request to /v1/check by the number of keys, {WORKERS} workers"
    return Section("gateway-keys-processor", title, "µs", FEW, tuple(measured), ())


@contextmanager
def _filled(keys: int) -> Iterator[tuple[str, Sequence[int], Path]]:
    """Serve a Latchkey with that many keys; yield the URL to call, its workers, and the file of the credentials."""
    with TemporaryDirectory(prefix="latchkey-bench-") as made:
        directory = Path(made)
        latchkey = Installation(directory, workers=WORKERS)
        credentials = directory / "credentials"
        began = time.perf_counter()
        latchkey.run("-m", "benchmarks.gateway.many_keys", str(keys), str(credentials))
        print(f"Filling {keys:,} keys took {time.perf_counter() - began:.0f} s", file=sys.stderr)
        with latchkey.serving():
            with connect(latchkey.port, workers=WORKERS, connections=WORKERS) as load:
                workers = workers_of(load)
            yield f"http://127.0.0.1:{latchkey.port}{paths.CHECK}", workers, credentials
