"""Report as JSON, for comparisons between runs."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.section import Section

LATEST: Final = Path(__file__).parent / "results" / "latest.json"


def machine() -> dict[str, object]:
    """Return the properties of this machine that affect results."""
    # Nothing that identifies the machine, because docs/performance.md publishes these properties.
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "architecture": platform.machine(),
        # The cores that this process may use: in a container, they can be fewer than the machine has.
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def as_json(sections: Sequence[Section], *, quick: bool) -> dict[str, object]:
    """Return the report: the machine, and the rounds, medians, ratios and conditions of every section."""
    return {
        "machine": machine(),
        "quick": quick,
        "holds": all(section.holds for section in sections),
        "sections": [_section(section) for section in sections],
    }


def write(report: dict[str, object], path: Path = LATEST) -> None:
    """Write the report, replacing the previous one."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _section(section: Section) -> dict[str, Any]:
    return {
        "name": section.name,
        "title": section.title,
        "unit": section.unit,
        "base": section.base,
        "rounds": {series.name: list(series.rounds) for series in section.series},
        "medians": {series.name: series.median for series in section.series},
        "ratios": section.ratios(),
        "conditions": [asdict(condition) | {"holds": condition.holds} for condition in section.conditions],
    }
