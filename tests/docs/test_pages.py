"""Every page leads somewhere, is led to, can be read in a terminal, and gives no secret away."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from django.conf import settings

from latchkey.credentials import RANDOM_LENGTH, SECRET_PREFIX, checksum
from tests.docs.controls import prose

ROOT: Path = settings.BASE_DIR
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MAX_LINE = 120
INDEX = ROOT / "docs" / "index.md"
KINDS = ("tutorials", "how-to", "reference", "explanation", "guard-rails", "adr", "contributing")


def links(page: Path) -> set[Path]:
    """The files that a page leads to."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = {target.partition("#")[0] for target in targets if "://" not in target}
    return {(page.parent / target).resolve() for target in inside if target}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE
    )
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_are_whole_and_lead_to_headings(page: Path) -> None:
    """A target that is broken across lines is no link, and a reader sees brackets."""
    assert re.findall(r"\]\([^)\n]*\n", prose(text_of(page))) == []
    targets = [target.partition("#") for target in re.findall(r"\]\(([^)\s]+#[^)\s]+)\)", text_of(page))]
    inside = [(page.parent / path if path else page, anchor) for path, _, anchor in targets if "://" not in path]
    assert [
        (path.name, anchor) for path, anchor in inside if path.suffix == ".md" and anchor not in anchors(path)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_have_each_row_once(page: Path) -> None:
    """In a table of two columns a name in code is explained once; one with more may take it case by case."""
    for table in re.findall(r"(?:^\|.*\n)+", text_of(page), flags=re.MULTILINE):
        rows = [re.split(r" (?<!\\)\| ", row) for row in table.splitlines()[2:]]
        names = [row[0] if len(row) == 2 and row[0].startswith("| `") else " | ".join(row) for row in rows]
        assert [name for name, count in Counter(names).items() if count > 1] == []


SMALL_WORDS = frozenset(
    re.findall(r"\w+", "a an and are as at by for from in is it its no not of on or that the to what which with")
)


def changes() -> list[str]:
    """The entries of the changelog, each on one line."""
    entries = re.findall(r"^- ((?:.*\n)(?:  .*\n)*)", text_of(ROOT / "CHANGELOG.md"), flags=re.MULTILINE)
    return [" ".join(entry.split()) for entry in entries]


def alike(one: str, other: str) -> bool:
    """Whether two entries say the same: about the same thing, named in code at their beginning, or in the same words."""
    subjects = [re.match(r"`([^`]*[ _/.-][^`]*)`", entry) for entry in (one, other)]
    if all(subjects) and len({subject[1] for subject in subjects if subject}) == 1:
        return True
    words = [set(re.findall(r"[\w'-]+", entry.lower())) - SMALL_WORDS for entry in (one, other)]
    return len(words[0] & words[1]) > 0.6 * min(map(len, words))


def test_changes_are_told_once() -> None:
    entries = changes()
    assert len(entries) > 50
    assert [pair for pair in combinations(entries, 2) if alike(*pair)] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("`manage.py scan`: finds secrets of keys.", "`manage.py scan` finds what has got into files."),
        (
            "While the database is down, known keys keep passing for `STALE_SECONDS`; keys in use never wait for it.",
            "`STALE_SECONDS`: known keys keep passing while the database is away.",
        ),
    ],
)
def test_the_same_change_is_found(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    assert [str(target) for target in links(page) if not target.is_file()] == []


def test_every_page_is_led_to() -> None:
    reached = {target for page in PAGES for target in links(page)}
    assert [str(page) for page in PAGES if page.resolve() not in reached and page.name != "README.md"] == []


def test_index_lists_every_page_once() -> None:
    """With one line each."""
    lines = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", text_of(INDEX), flags=re.MULTILINE)
    listed = Counter((INDEX.parent / target).resolve() for target in lines)
    assert [
        str(page) for page in PAGES if page.is_relative_to(INDEX.parent) and page != INDEX and listed[page] != 1
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_is_of_one_kind(page: Path) -> None:
    """No page stands next to the kinds."""
    assert page.parent == ROOT or page == INDEX or page.relative_to(INDEX.parent).parts[0] in KINDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    # A row of a table cannot be broken.
    long = [number for number, line in enumerate(lines, 1) if len(line) > MAX_LINE and not line.startswith("|")]
    assert long == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_whole_secret_is_shown(page: Path) -> None:
    found = re.findall(SECRET_PREFIX + r"([0-9A-Za-z]{49})", page.read_text(encoding="utf-8"))
    assert [text for text in found if checksum(text[:RANDOM_LENGTH]) == text[RANDOM_LENGTH:]] == []
