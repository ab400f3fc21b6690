"""Command `python -m benchmarks`, run from the project's root.

It measures, prints tables, writes a report, and reports by its exit status whether all conditions hold.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

from benchmarks import (
    admin,
    admission,
    changes,
    decision,
    floods,
    gateway,
    leasing,
    outage,
    results,
    sizing,
    startup,
    streams,
    view,
)
from benchmarks.failure import CouldNotMeasure
from benchmarks.table import render

SUBJECTS: Final = {
    "decision": decision,
    "view": view,
    "admission": admission,
    "gateway": gateway,
    "streams": streams,
    "changes": changes,
    "outage": outage,
    "floods": floods,
    "leasing": leasing,
    "sizing": sizing,
    "startup": startup,
    "admin": admin,
}
FAILED: Final = 1
COULD_NOT: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    The status is 0 if every condition holds, 1 if one fails, 3 if a measurement failed, and 130 if interrupted.
    """
    options = _parser().parse_args(arguments)
    # Like Ctrl-C: the exception passes through every `with` block, which stops its servers.
    signal.signal(signal.SIGTERM, _end)
    try:
        return _measure([options.only] if options.only else list(SUBJECTS), quick=options.quick)
    except CouldNotMeasure as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return COULD_NOT
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _measure(subjects: Sequence[str], *, quick: bool) -> int:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    measured = []
    for subject in subjects:
        print(f"Measuring {subject}", file=sys.stderr)
        for section in SUBJECTS[subject].sections(quick=quick):
            measured.append(section)
            print(render(section, colour=colour), end="\n\n", flush=True)
    report = results.as_json(measured, quick=quick)
    results.write(report)
    return 0 if report["holds"] else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Latchkey beside its peers: all in one run, in turn, so that ratios can be compared.",
        epilog="Exit status: 0 every condition holds, 1 one fails, 3 could not measure. "
        "The figures also go to benchmarks/results/latest.json.",
    )
    parser.add_argument("--only", choices=SUBJECTS, help="measure this alone")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a measurement")
    return parser


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
