"""`python -m benchmarks.report`: writes the gateway's latest figures into the docs, and draws their picture as SVG."""

import json
import sys
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from benchmarks.measurement import LATEST, ROOT, figure, three_digits

PAGE: Final = ROOT / "docs" / "explanation" / "performance.md"
PICTURE: Final = ROOT / "docs" / "images" / "benchmark.svg"
PICTURE_FROM_PAGE: Final = "../images/benchmark.svg"
BEGIN: Final = "<!-- figures: written by python -m benchmarks.report -->"
END: Final = "<!-- end of figures -->"
_PERCENTS: Final = (50, 90, 99)

_WIDTH: Final = 760
_LEFT: Final = 276
_TOP: Final = 68
_STEP: Final = 38
_STYLE: Final = """
  .card { fill: #ffffff; } .text { fill: #1f2328; } .quiet { fill: #59636e; }
  .bar { fill: #afb8c1; } .ours { fill: #0969da; }
  text { font-family: system-ui, sans-serif; font-size: 14px; } .title { font-size: 16px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; } .text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
    .bar { fill: #4a535e; } .ours { fill: #4493f8; }
  }
"""


def main() -> int:
    """Return the exit status: 0 written, 1 there is no complete report."""
    try:
        report = json.loads(LATEST.read_text(encoding="utf-8"))
        text = figures(report)
    except (OSError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    PAGE.write_text(page_with_figures(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    PICTURE.write_text(picture(_by_name(report)["gateway-rate"], report["machine"]), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}.")
    return 0


def page_with_figures(page: str, text: str) -> str:
    """Return the page, with `text` between the two marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def figures(report: Mapping[str, Any]) -> str:
    """Return the gateway's tables. Raises ValueError if the report does not contain all of it."""
    sections = _by_name(report)
    if report["quick"] or not {"gateway-rate", "gateway-keys"} <= sections.keys():
        raise ValueError("The latest run did not measure the gateway in full: python -m benchmarks --only gateway")
    machine, rate = report["machine"], sections["gateway-rate"]
    python = f"{machine['implementation']} {machine['python']}"
    rates = [
        [*row, *(figure(sections[f"gateway-p{at}"]["medians"].get(row[0])) for at in _PERCENTS)]
        if row[0] in sections["gateway-p50"]["medians"]
        else [*row, "", "", ""]
        for row in _medians(rate)
    ]
    conditions = [
        [
            "holds" if condition["holds"] else "**fails**",
            condition["text"],
            three_digits(condition["value"]),
            f"{condition['relation']} {condition['bound']:g}",
        ]
        for name, section in sections.items()
        if name.startswith("gateway-")
        for condition in section["conditions"]
    ]
    others = [sections[name] for name in ("gateway-keys", "gateway-stores", "gateway-parts")]
    return "\n\n".join(
        [
            f"![{rate['title']}]({PICTURE_FROM_PAGE})",
            f"Measured with {python}, {machine['system']} on {machine['architecture']}, {machine['cores']} cores.",
            _table(["", rate["unit"], f"x {rate['base']}", *(f"p{at}, ms" for at in _PERCENTS)], rates),
            *(_table([one["title"], one["unit"], f"x {one['base']}"], _medians(one)) for one in others),
            _table(["", "condition", "measured", "wanted"], conditions),
        ]
    )


def _by_name(report: Mapping[str, Any]) -> dict[str, Any]:
    return {section["name"]: section for section in report["sections"]}


def _medians(section: Mapping[str, Any]) -> list[list[str]]:
    return [[name, figure(value), f"{section['ratios'][name]:.2f}"] for name, value in section["medians"].items()]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def picture(section: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """Return a bar chart of the section's medians, the longest bar first. It is readable on light and on dark pages."""
    ordered = sorted(section["medians"].items(), key=lambda item: -item[1])
    height, title = _TOP + _STEP * len(ordered) + 12, escape(section["title"])
    measured = f"{section['unit']}, median; {machine['implementation']} {machine['python']}, {machine['cores']} cores"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}" role="img" aria-labelledby="title">',
        f'<title id="title">{title}, {escape(section["unit"])}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" width="{_WIDTH}" height="{height}" rx="8"/>',
        f'<text class="text title" x="20" y="28">{title}</text>',
        f'<text class="quiet" x="20" y="48">{escape(measured)}</text>',
    ]
    for number, (name, rate) in enumerate(ordered):
        top, width = _TOP + number * _STEP, max(1.0, rate / ordered[0][1] * (_WIDTH - _LEFT - 100))
        kind, middle = "ours" if name.startswith("/v1/check") else "bar", top + 15.8
        lines += [
            f'<text class="text" x="{_LEFT - 12}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="22" rx="3"/>'
            f'<text class="text" x="{_LEFT + width + 8:.1f}" y="{middle:.1f}">{rate:,.0f}</text>'
        ]
    return "\n".join([*lines, "</svg>\n"])


if __name__ == "__main__":
    sys.exit(main())
