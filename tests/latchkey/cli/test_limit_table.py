from typing import Any

import pytest

from latchkey.cli.columns import sorted_by
from latchkey.cli.limit_table import bar, limit_lines, limit_row
from latchkey.cli.plan_table import plan_lines, plan_row
from latchkey.cli.table import format_table
from latchkey.cli.view import Format, View
from tests.latchkey.plans import LIMIT, PLAN, RATE_LIMIT


@pytest.mark.parametrize(
    ("used", "of", "shown"),
    [
        (0, 100, ".......... 0 %"),
        (9, 100, ".......... 9 %"),
        (10, 100, "#......... 10 %"),
        (999_999, 1_000_000, "#########. 99 %"),
        (1_000_000, 1_000_000, "########## 100 %"),
        (1_234_567, 1_000_000, "########## 123 %"),
        (0, 0, ""),
        (None, 100, ""),
        (1, None, ""),
    ],
)
def test_bar(used: int | None, of: int | None, shown: str) -> None:
    assert bar({"used": used, "limit": of}) == shown


def test_people_see_bars_and_separators() -> None:
    view = View()
    lines = format_table([limit_row(LIMIT, view), limit_row(RATE_LIMIT, view)]).splitlines()
    assert [line.split() for line in lines[:1]] == [
        ["NAME", "UNIT", "USED", "OF", "LEFT", "BAR", "RESETS", "SHARED", "MODE"],
    ]
    assert "812,345  1,000,000  187,655  ########.. 81 %  in " in lines[1]
    assert lines[2].split() == ["per_second", "requests", "0", "100", "100", "..........", "0", "%", "-", "key", "enforce"]  # fmt: skip


def test_programs_get_plain_numbers() -> None:
    row = limit_row(LIMIT, View(Format.CSV))
    assert (row["used"], row["of"], row["left"], "bar" in row) == (812_345, 1_000_000, 187_655, False)
    assert str(row["used"]) == "812345"


def test_numbers_are_sorted_as_numbers() -> None:
    documents = [{**LIMIT, "used": used} for used in (1_000, 9, None)]
    rows, _ = sorted_by("used", [limit_row(document, View()) for document in documents], documents)
    assert [str(row["used"]) for row in rows] == ["9", "1,000", "None"]
    rows, _ = sorted_by("-left", [limit_row(limit, View()) for limit in (RATE_LIMIT, LIMIT)], [RATE_LIMIT, LIMIT])
    assert [row["name"] for row in rows] == ["monthly", "per_second"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "812,345 of 1,000,000 tokens used, 187,655 left, resets 2099-02-01T00:00:00Z, shared, only observed"),
        (
            {"used": None, "remaining": None, "resets_at": None, "shared": "key", "mode": "enforce"},
            "unknown of 1,000,000 tokens used, unknown left",
        ),
    ],
)
def test_limit_in_words(change: dict[str, Any], text: str) -> None:
    assert limit_lines({"limits": [{**LIMIT, **change}]}) == {"limit monthly": text}
    assert limit_lines({}) == {}


def test_plan_in_words() -> None:
    rate, quota, slots = (
        "100 requests per 1 s",
        "1,000,000 tokens a month (Europe/Berlin), from the owner's anchor, shared by the owner's keys, only observed",
        "5 at the same time",
    )
    assert plan_row(PLAN) == {"name": "pro", "limits": f"per_second: {rate}; monthly: {quota}; streams: {slots}"}
    assert plan_lines({**PLAN, "keys": 3}) == {
        "name": "pro", "keys": 3, "limit per_second": rate, "limit monthly": quota, "limit streams": slots,
    }  # fmt: skip
