"""Every page leads somewhere, is led to, can be read in a terminal, and gives no secret away."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from latchkey.credentials import RANDOM_LENGTH, SECRET_PREFIX, checksum

ROOT: Path = settings.BASE_DIR
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MAX_LINE = 120


def links(page: Path) -> set[Path]:
    """The files that a page leads to."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = {target.partition("#")[0] for target in targets if "://" not in target}
    return {(page.parent / target).resolve() for target in inside if target}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    assert [str(target) for target in links(page) if not target.is_file()] == []


def test_every_page_is_led_to() -> None:
    reached = {target for page in PAGES for target in links(page)}
    assert [str(page) for page in PAGES if page.resolve() not in reached and page.name != "README.md"] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_whole_secret_is_shown(page: Path) -> None:
    found = re.findall(SECRET_PREFIX + r"([0-9A-Za-z]{49})", page.read_text(encoding="utf-8"))
    assert [text for text in found if checksum(text[:RANDOM_LENGTH]) == text[RANDOM_LENGTH:]] == []
