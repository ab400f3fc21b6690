"""What it costs that an installation holds a million keys: the time of a request beside one that holds a thousand."""

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
"""As long as a worker trusts a record in its memory: each round reads every key of the working set anew, once."""

_WARMING_SECONDS: Final = 3
"""Ahead of each round, as the records grow old while the other installation is asked."""

_STEP: Final = 200_000
"""Further than a round comes in the file of all keys, so that the next one asks others."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who is asked by `wrk`, and served by `workers`; what each request took, in microseconds, round by round."""

    name: str
    wrk: Wrk
    workers: Sequence[int]
    warms: bool = True
    elapsed: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take(self, first: int) -> None:
        """One round, from the line `first` of the credentials on."""
        if self.warms:
            run_evenly(self.wrk, self.workers, _WARMING_SECONDS, first)
        before = processor_seconds(self.workers)
        runs = run_evenly(self.wrk, self.workers, _SECONDS, first)
        taken = processor_seconds(self.workers) - before
        self.elapsed.append(1e6 / runs[-1].rate)
        self.processor.append(1e6 * taken / sum(run.requests for run in runs))

    def forget(self) -> None:
        """As before the first round."""
        self.elapsed.clear()
        self.processor.clear()


def measure(rounds: int) -> list[Section]:
    """Asks both installations for the same number of keys, in turn; and then the larger one for all of its keys."""
    with _filled(_WORKING_SET) as (few, few_workers, few_keys), _filled(1_000_000) as (many, many_workers, many_keys):
        working_set = many_keys.with_name("working-set")
        lines = many_keys.read_text(encoding="ascii").splitlines(keepends=True)
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
                if number == 0:  # imports, caches, the first database connection
                    candidate.forget()
    elapsed = [Series(it.name, tuple(it.elapsed)) for it in candidates]
    return [section(elapsed), of_processor([Series(it.name, tuple(it.processor)) for it in candidates])]


def section(measured: list[Series]) -> Section:
    """The times, of which those over the same working set are bounded."""
    few, many, _ = measured
    condition = Condition(f"{MANY} over {FEW}, each asked for {_WORKING_SET:,}", ratio(many, few), "<=", MANY_KEYS)
    title = f"A request to /v1/check by the number of keys, {WORKERS} workers"
    return Section("gateway-keys", title, "µs", FEW, tuple(measured), (condition,))


def of_processor(measured: list[Series]) -> Section:
    """What of these times the workers had a processor for."""
    title = f"Processor time of a request to /v1/check by the number of keys, {WORKERS} workers"
    return Section("gateway-keys-processor", title, "µs", FEW, tuple(measured), ())


@contextmanager
def _filled(keys: int) -> Iterator[tuple[str, Sequence[int], Path]]:
    """A Latchkey that holds so many keys; yields where it is asked, its workers, and the file of the credentials."""
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
