"""`python -m benchmarks`, from the project's root: measures, prints tables, and writes the results as JSON."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Final

from benchmarks import measurement

SUBJECTS = (
    "decision", "claims", "view", "integrations", "admission", "gateway", "streams", "changes", "outage", "floods",
    "startup", "admin",
)  # fmt: skip
"""Modules of this package, each with a function `sections`."""

FAILED: Final = 1
NOT_MEASURED: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 every condition holds, 1 one does not, 3 could not measure, 130 interrupted."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: leaves every `with` that has a server to stop
    try:
        return run([options.only] if options.only else SUBJECTS, quick=options.quick)
    except RuntimeError as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return NOT_MEASURED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def run(subjects: Sequence[str], *, quick: bool) -> int:
    """Measure the subjects, and return 0 or FAILED."""
    color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    sections: list[measurement.Section] = []
    for subject in subjects:
        print(f"Measuring {subject}", file=sys.stderr)
        for section in import_module(f"benchmarks.{subject}").sections(quick=quick):
            sections.append(section)
            print(measurement.as_table(section, color=color), end="\n\n", flush=True)
    report = measurement.as_json(sections, quick=quick)
    measurement.LATEST.parent.mkdir(exist_ok=True)
    measurement.LATEST.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if report["holds"] else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Latchkey and its peers in one run and in turn, so that ratios can be compared.",
        epilog="Exit status: 0 every condition holds, 1 one fails, 3 could not measure, 130 interrupted. "
        "The figures are also written to benchmarks/results/latest.json.",
    )
    parser.add_argument("--only", choices=SUBJECTS, help="measure one subject")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, for a first look only")
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
