"""What it costs that an installation holds a million keys: the time of a request beside one that holds a thousand."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import paths
from benchmarks.balance import wait_for_workers
from benchmarks.condition import Condition
from benchmarks.gateway.names import MANY_KEYS, WORKERS
from benchmarks.gateway.wrk import Wrk
from benchmarks.installation import Installation
from benchmarks.section import Section
from benchmarks.series import Series, interleaved, ratio

FEW: Final = "1,000 keys"
MANY: Final = "1,000,000 keys"
SPREAD: Final = "1,000,000 keys, all of them asked"
_WORKING_SET: Final = 1000
_SECONDS: Final = 5
"""As long as a worker trusts a record in its memory: each round reads every key of the working set anew, once."""

_STEP: Final = 200_000
"""Further than a round comes in the file of all keys, so that the next one asks others."""


def measure(rounds: int) -> list[Section]:
    """Asks both installations for the same number of keys, in turn; and then the larger one for all of its keys."""
    with _filled(_WORKING_SET) as (few, few_keys), _filled(1_000_000) as (many, many_keys):
        working_set = many_keys.with_name("working-set")
        lines = many_keys.read_text(encoding="ascii").splitlines(keepends=True)
        working_set.write_text("".join(lines[:: len(lines) // _WORKING_SET]), encoding="ascii")
        candidates = {
            FEW: Wrk(few + paths.CHECK, credentials=few_keys),
            MANY: Wrk(many + paths.CHECK, credentials=working_set),
            SPREAD: Wrk(many + paths.CHECK, credentials=many_keys),
        }
        first = count(0, _STEP)
        timed = {name: partial(_microseconds, wrk, first) for name, wrk in candidates.items()}
        interleaved(timed, 1)  # imports, caches, the first database connection
        return [section(interleaved(timed, rounds))]


def section(measured: list[Series]) -> Section:
    """The times, of which those over the same working set are bounded."""
    few, many, _ = measured
    condition = Condition(f"{MANY} over {FEW}, each asked for {_WORKING_SET:,}", ratio(many, few), "<=", MANY_KEYS)
    title = f"A request to /v1/check by the number of keys, {WORKERS} workers"
    return Section("gateway-keys", title, "µs", FEW, tuple(measured), (condition,))


def _microseconds(wrk: Wrk, first: Iterator[int]) -> float:
    """The time that each request takes the server, all connections taken together."""
    return 1e6 / wrk.run(_SECONDS, first=next(first)).rate


@contextmanager
def _filled(keys: int) -> Iterator[tuple[str, Path]]:
    """A Latchkey that holds so many keys; yields its address and the file of their credentials."""
    with TemporaryDirectory(prefix="latchkey-bench-") as made:
        directory = Path(made)
        latchkey = Installation(directory, workers=WORKERS)
        credentials = directory / "credentials"
        began = time.perf_counter()
        latchkey.run("-m", "benchmarks.gateway.many_keys", str(keys), str(credentials))
        print(f"Filling {keys:,} keys took {time.perf_counter() - began:.0f} s", file=sys.stderr)
        with latchkey.serving():
            wait_for_workers(latchkey.port, WORKERS)
            yield f"http://127.0.0.1:{latchkey.port}", credentials
