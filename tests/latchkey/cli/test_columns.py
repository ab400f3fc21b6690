import pytest

from latchkey.cli.columns import chosen, sorted_by
from latchkey.cli.errors import CLIError
from latchkey.cli.view import Format, View

DOCUMENTS = [
    {"id": 9, "label": "b", "rate_limit": {"burst": 5}, "last_used_at": None},
    {"id": 10, "label": "A", "rate_limit": None, "last_used_at": "2027-01-01T00:00:00Z"},
    {"id": 2, "label": "c", "rate_limit": {"burst": 60}, "last_used_at": "2026-01-01T00:00:00Z"},
]
ROWS = [{"id": document["id"], "last used": document["last_used_at"] or "never"} for document in DOCUMENTS]


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("id", [2, 9, 10]),
        ("-id", [10, 9, 2]),
        ("label", [10, 9, 2]),
        ("rate_limit.burst", [9, 2, 10]),
        ("-rate_limit.burst", [2, 9, 10]),
        ("last_used_at", [2, 10, 9]),
        ("-last_used_at", [10, 2, 9]),
    ],
)
def test_sorted(sort: str, ids: list[int]) -> None:
    rows, documents = sorted_by(sort, ROWS, DOCUMENTS)
    assert [row["id"] for row in rows] == [document["id"] for document in documents] == ids


def test_columns_are_those_of_the_table_and_of_the_document() -> None:
    assert chosen(["last_used", "rate_limit.burst"], ROWS, DOCUMENTS)[1:] == [
        {"last_used": "2027-01-01T00:00:00Z", "rate_limit.burst": None},
        {"last_used": "2026-01-01T00:00:00Z", "rate_limit.burst": 60},
    ]


@pytest.mark.parametrize("name", ["nothing", "rate_limit.nothing", "label.x", ""])
def test_unknown_column_is_rejected(name: str) -> None:
    with pytest.raises(CLIError) as raised:
        chosen([name], ROWS, DOCUMENTS)
    assert "id, last_used, label, rate_limit" in raised.value.remedy
    with pytest.raises(CLIError):
        sorted_by(name, ROWS, DOCUMENTS)


@pytest.mark.parametrize(
    ("format", "columns", "jq"),
    [(Format.TABLE, (), "."), (Format.CSV, (), "."), (Format.JSON, ("a",), ""), (Format.NAME, ("a",), "")],
)
def test_views_that_mean_nothing(format: Format, columns: tuple[str, ...], jq: str) -> None:
    with pytest.raises(CLIError):
        View(format, columns, "", jq)
