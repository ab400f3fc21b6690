"""`python -m benchmarks.report`: writes the last figures of the gateway into a page and a picture."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.condition import shown
from benchmarks.peer_environment import ROOT
from benchmarks.picture import draw
from benchmarks.results import LATEST
from benchmarks.table import figure

PAGE: Final = ROOT / "docs" / "explanation" / "performance.md"
PICTURE: Final = ROOT / "docs" / "images" / "benchmark.svg"
BEGIN: Final = "<!-- figures: written by python -m benchmarks.report -->"
END: Final = "<!-- end of figures -->"
_PERCENTS: Final = (50, 90, 99)


def main() -> int:
    """Exit status: 0 written, 1 there is nothing to write, 2 wrong arguments."""
    what = "Write the gateway's last figures into docs/explanation/performance.md, and draw their picture."
    argparse.ArgumentParser(prog="python -m benchmarks.report", description=what).parse_args()
    try:
        report = json.loads(LATEST.read_text(encoding="utf-8"))
        text = figures(report)
    except (OSError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page_with_figures(page, text), encoding="utf-8")
    PICTURE.write_text(draw(_sections(report)["gateway-rate"], report["machine"]), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}.")
    return 0


def page_with_figures(page: str, text: str) -> str:
    """Return the page with `text` between the two markers."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def figures(report: Mapping[str, Any]) -> str:
    """Return the gateway's results as Markdown. Raise ValueError if the report isn't of a complete run."""
    sections = _sections(report)
    if report["quick"] or not {"gateway-rate", "gateway-keys"} <= sections.keys():
        raise ValueError("The last run did not measure the gateway in full: python -m benchmarks --only gateway")
    machine = report["machine"]
    measured = f"{machine['implementation']} {machine['python']}, {machine['system']} on {machine['architecture']}"
    return "\n\n".join(
        [
            f"![{sections['gateway-rate']['title']}](../images/{PICTURE.name})",
            f"Measured with {measured}, {machine['cores']} cores.",
            _rates(sections),
            *(_medians(sections[name]) for name in ("gateway-keys", "gateway-stores", "gateway-parts")),
            _conditions([section for name, section in sections.items() if name.startswith("gateway-")]),
        ]
    )


def _sections(report: Mapping[str, Any]) -> dict[str, Any]:
    return {section["name"]: section for section in report["sections"]}


def _rates(sections: Mapping[str, Any]) -> str:
    rate = sections["gateway-rate"]
    rows = []
    for name, median in rate["medians"].items():
        latencies = [sections[f"gateway-p{percent}"]["medians"].get(name) for percent in _PERCENTS]
        shown = ["" if latency is None else figure(latency) for latency in latencies]
        rows.append([name, figure(median), f"{rate['ratios'][name]:.2f}", *shown])
    latencies_of = [f"p{percent}, ms" for percent in _PERCENTS]
    return _table(["", "requests/s", f"x {rate['base']}", *latencies_of], rows)


def _medians(section: Mapping[str, Any]) -> str:
    rows = [[name, figure(median), f"{section['ratios'][name]:.2f}"] for name, median in section["medians"].items()]
    return _table([section["title"], section["unit"], f"x {section['base']}"], rows)


def _conditions(sections: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            "holds" if condition["holds"] else "**fails**",
            condition["text"],
            shown(condition["value"]),
            f"{condition['relation']} {condition['bound']:g}",
        ]
        for section in sections
        for condition in section["conditions"]
    ]
    return _table(["", "condition", "measured", "wanted"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
