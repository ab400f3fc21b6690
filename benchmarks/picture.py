"""Bar chart of the gateway's rates: SVG, drawn from the report without dependencies, for light and dark backgrounds."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

_WIDTH: Final = 760
_LEFT: Final = 276
_BAR: Final = 22
_STEP: Final = 38
_TOP: Final = 68
_LONGEST: Final = _WIDTH - _LEFT - 100
_OURS: Final = "/v1/check"

_STYLE: Final = """
  .card { fill: #ffffff; } .text { fill: #1f2328; } .quiet { fill: #59636e; }
  .bar { fill: #afb8c1; } .ours { fill: #0969da; }
  text { font-family: system-ui, sans-serif; font-size: 14px; } .title { font-size: 16px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; } .text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
    .bar { fill: #4a535e; } .ours { fill: #4493f8; }
  }
"""


def draw(section: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """Return an SVG with one bar per candidate of the section, the longest first."""
    medians: Mapping[str, float] = section["medians"]
    ordered = sorted(medians.items(), key=lambda item: -item[1])
    height = _TOP + _STEP * len(ordered) + 12
    bars = [_bar(number, name, rate, rate / ordered[0][1]) for number, (name, rate) in enumerate(ordered)]
    measured = f"{section['unit']}, median; {machine['implementation']} {machine['python']}, {machine['cores']} cores"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
            f' height="{height}" role="img" aria-labelledby="title">',
            f'<title id="title">{escape(section["title"])}, {escape(section["unit"])}</title>',
            f"<style>{_STYLE}</style>",
            f'<rect class="card" width="{_WIDTH}" height="{height}" rx="8"/>',
            f'<text class="text title" x="20" y="28">{escape(section["title"])}</text>',
            f'<text class="quiet" x="20" y="48">{escape(measured)}</text>',
            *bars,
            "</svg>\n",
        ]
    )


def _bar(number: int, name: str, rate: float, share: float) -> str:
    top = _TOP + number * _STEP
    width = max(1.0, share * _LONGEST)
    kind = "ours" if name.startswith(_OURS) else "bar"
    middle = top + _BAR * 0.72
    return (
        f'<text class="text" x="{_LEFT - 12}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="3"/>'
        f'<text class="text" x="{_LEFT + width + 8:.1f}" y="{middle:.1f}">{rate:,.0f}</text>'
    )
