"""The page about the gates and the gates name the same ones, in the order in which they run."""

import re

import pytest

from gates.image.__main__ import JUDGES
from gates.source import SOURCE_GATES
from gates.tree import ROOT

PAGE = (ROOT / "docs" / "contributing" / "release-checks.md").read_text(encoding="utf-8")


def sections(heading: str) -> list[str]:
    """The sections of a part of the page."""
    _, _, part = PAGE.partition(f"\n## {heading}\n")
    return re.split(r"^### ", re.split(r"^## ", part, flags=re.MULTILINE)[0], flags=re.MULTILINE)[1:]


@pytest.mark.parametrize(
    ("heading", "names"), [("The source", [it.name for it in SOURCE_GATES]), ("The image", [*JUDGES])]
)
def test_gates_and_page(heading: str, names: list[str]) -> None:
    found = sections(heading)
    assert [section.partition("\n")[0] for section in found] == [f"`{name}`" for name in names]
    assert [section.partition("\n")[0] for section in found if "\n**Where it fails**: " not in section] == []
