"""The time that each call of the remote CLI takes at least: `latchkey --help` compared with `import httpx`."""

import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.measurement import ROOT, Condition, CouldNotMeasure, Section, interleaved, ratio

BOUND: Final = 3.0
OURS: Final = "latchkey --help"
BASE: Final = "import httpx"
_CANDIDATES: Final = {OURS: ("-m", "latchkey", "--help"), BASE: ("-c", "import httpx"), "python alone": ("-c", "")}


def sections(*, quick: bool) -> list[Section]:
    """Start every candidate once a round, each in a new process."""
    candidates = {name: partial(_milliseconds, arguments) for name, arguments in _CANDIDATES.items()}
    for start in candidates.values():
        start()  # compiles the bytecode, and reads the files into memory
    series = interleaved(candidates, 5 if quick else 21)
    condition = Condition(f"{OURS} over {BASE}", ratio(series[0], series[1]), "<", BOUND)
    return [Section("startup", "The time to start a process and end it", "ms", BASE, series, [condition])]


def _milliseconds(arguments: Sequence[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise CouldNotMeasure(f"python {' '.join(arguments)} ended with {done.returncode}.")
    return (time.perf_counter() - started) * 1000
