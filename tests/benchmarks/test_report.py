"""The figures in the docs are those of the report."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from benchmarks.measurement import Condition, Section, Series, as_json
from benchmarks.report import BEGIN, END, PAGE, PICTURE, figures, page_with_figures, picture

NAMES = ("gateway-rate", "gateway-p50", "gateway-p90", "gateway-p99", "gateway-keys", "gateway-stores", "gateway-parts")


def report(*, quick: bool = False, names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    series = (Series("/v1/check", (8000.0,)), Series("bare & simple", (10_000.0,)))
    condition = Condition("/v1/check over bare", 0.79999, ">=", 0.8)
    sections = [Section(name, f"Title of {name}", "requests/s", series[1].name, series, (condition,)) for name in names]
    return as_json(sections, quick=quick)


def test_figures_show_rates_and_conditions() -> None:
    text = figures(report())
    assert "| /v1/check | 8,000 | 0.80 | 8,000 | 8,000 | 8,000 |" in text
    assert text.count("| **fails** | /v1/check over bare | 0.8 | >= 0.8 |") == len(NAMES)


@pytest.mark.parametrize("partial", [report(quick=True), report(names=NAMES[:4]), report(names=())])
def test_a_run_of_a_part_is_not_written_down(partial: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="in full"):
        figures(partial)


def test_page_keeps_what_stands_around_the_figures() -> None:
    page = f"# Title\n\n{BEGIN}\n\nold\n\n{END}\n\nText.\n"
    written = page_with_figures(page, "new")
    assert written == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nText.\n"
    assert page_with_figures(written, "new") == written


def test_picture_is_xml_with_a_bar_for_each_candidate() -> None:
    measured = report()
    drawn = ET.fromstring(picture(measured["sections"][0], measured["machine"]))
    bars = [node for node in drawn.iter() if node.tag.endswith("rect") and node.get("class") in ("bar", "ours")]
    assert [bar.get("class") for bar in bars] == ["bar", "ours"]
    longest, shorter = (float(bar.get("width", "")) for bar in bars)
    assert shorter / longest == pytest.approx(0.8)


def test_picture_and_page_show_the_same_rates() -> None:
    """Or there is neither yet."""
    drawn = PICTURE.read_text(encoding="utf-8") if PICTURE.exists() else ""
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index(BEGIN) : page.index(END)].partition("A request to")[0]
    shown = re.findall(r'class="text" x="[\d.]+" y="[\d.]+">([\d,]+)</text>', drawn)
    assert sorted(re.findall(r"^\| [^|]+ \| ([\d,]+) \|", table, re.MULTILINE)) == sorted(shown)
