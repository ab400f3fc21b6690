"""The site of `make docs`, built once in an environment of its own, as its lock says."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from deploy.docs.pages import BrokenLink, llms_txt, pages, sections
from latchkey import __version__
from tests.support.commands import ROOT
from tests.support.services import unavailable

LOCK = ROOT / "requirements-docs.txt"
PLACE = ROOT / "build/docs-test"
needs_site = pytest.mark.slow("builds the site")
EXTERNAL = {"https", "http", "mailto"}


class Page(HTMLParser):
    """Links, what the page loads, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if found.get("id"):
            self.anchors.add(str(found["id"]))
        if found.get("src"):
            self.loaded.append(str(found["src"]))
        if found.get("href"):
            (self.links if tag == "a" else self.loaded).append(str(found["href"]))


def builder() -> Path:
    """The Python of an environment that has what the lock pins, made once for each state of the lock."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    environment = PLACE / digest[:16]
    python = environment / "bin/python"
    if not (environment / "installed").exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
        install = ["pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)]
        if subprocess.run([uv, *install], check=False).returncode:
            unavailable("no index")
        (environment / "installed").touch()
    return python


def build(site: Path, root: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    # An address where nothing listens: the build must not use the network.
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    return subprocess.run(
        [builder(), "-m", "deploy.docs", site],
        cwd=root,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, in which an older and a newer version have been built before."""
    found = tmp_path_factory.mktemp("site")
    for version in ("0.0.9", "0.0.10"):
        (found / version).mkdir()
        (found / version / "llms.txt").touch()
    done = build(found)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return found


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def names() -> Iterator[str]:
    """The pages as the site names them, without an ending."""
    for path in (ROOT / "docs").rglob("*.md"):
        yield str(path.relative_to(ROOT / "docs").with_suffix(""))
    yield from ("contributing/index", "contributing/security-policy", "changelog")


@needs_site
def test_every_page_and_its_twin_are_there(site: Path) -> None:
    for name in names():
        text = (site / __version__ / f"{name}.html").read_text(encoding="utf-8")
        assert f'href="{Path(name).name}.md"' in text, "it names its twin"
        assert (site / __version__ / f"{name}.md").read_text(encoding="utf-8").startswith("# ")
    twins = {str(path.relative_to(site / __version__).with_suffix("")) for path in (site / __version__).rglob("*.md")}
    assert twins == set(names())


@needs_site
def test_no_link_is_broken(site: Path, built: dict[Path, Page]) -> None:
    broken = []
    for path, page in built.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme in EXTERNAL:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target_page = built.get(target)
            lacks_anchor = target_page is not None and parts.fragment and parts.fragment not in target_page.anchors
            if not target.is_relative_to(site) or not target.exists() or lacks_anchor:
                if target.parent.parent == site and target.name == "index.html":
                    continue
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []
    for twin in (site / __version__).rglob("*.md"):
        text = re.sub(r"^ *```.*?^ *```", "", twin.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"(?<!!)\]\(([^()\s]+\.md)", text):
            assert (twin.parent / target).exists(), f"{twin.relative_to(site)}: {target}"


@needs_site
def test_nothing_is_loaded_from_elsewhere(site: Path, built: dict[Path, Page]) -> None:
    loaded = {link for page in built.values() for link in page.loaded}
    assert loaded
    assert not [link for link in loaded if urlsplit(link).netloc]
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


@needs_site
def test_search_index_has_every_page(site: Path) -> None:
    text = (site / __version__ / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    assert set(index["docnames"]) == set(names())
    assert "pepper" in index["terms"]


@needs_site
def test_pages_have_dark_mode_and_their_version(built: dict[Path, Page], site: Path) -> None:
    text = (site / __version__ / "tutorials/first-key.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert f"Version {__version__}" in text
    assert "../../index.html" in built[site / __version__ / "tutorials/first-key.html"].links


@needs_site
def test_versions_are_listed_newest_first(site: Path, built: dict[Path, Page]) -> None:
    assert built[site / "index.html"].links == [f"{name}/index.html" for name in (__version__, "0.0.10", "0.0.9")]


@needs_site
def test_llms_txt_lists_every_page(site: Path) -> None:
    of_version = (site / __version__ / "llms.txt").read_text(encoding="utf-8")
    assert re.match(r"# Latchkey\n\n> [^\n]+\n\n## Tutorials\n", of_version)
    listed = re.findall(r"\]\(([^)#]+\.md)\)", of_version)
    assert set(listed) == {f"{name}.md" for name in names()} - {"index.md"}
    of_site = re.findall(r"\]\(([^)#]+\.md)\)", (site / "llms.txt").read_text(encoding="utf-8"))
    assert of_site == [f"{__version__}/{name}" for name in listed]


@needs_site
@pytest.mark.parametrize(
    ("line", "reason"),
    [("[x](rate-limits.md#no-such-heading)", "no-such-heading"), ("[x](no-such-page.md)", "no-such-page.md")],
)
def test_broken_link_fails(line: str, reason: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    copy = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(copy, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, files):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes()) if (ROOT / name).is_file() else None
    page = tree / "docs/reference/keys.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    done = build(tmp_path / "site", tree)
    assert done.returncode == 1
    assert reason in done.stderr
    assert not (tmp_path / "site" / __version__).exists()


def test_links_are_those_of_the_site() -> None:
    found = pages()
    assert "](contributing/index.md)" in found["index.md"]
    assert "](../contributing/security-policy.md#prove-an-image)" in found["explanation/security.md"]
    assert "](../how-to/deploy/wheel.md)" in found["contributing/index.md"]
    # A test is no page: it's named.
    assert "](../../tests/" not in found["explanation/security.md"]
    assert "`tests/server/test_stop.py::test_stop_loses_no_request`" in found["explanation/security.md"]


def test_missing_file_is_a_broken_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.docs.pages.ROOT", tmp_path)
    monkeypatch.setattr("deploy.docs.pages.DOCS", tmp_path / "docs")
    monkeypatch.setattr("deploy.docs.pages._MOVED", {})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("```\n[in code](missing.md)\n```\n[b](b.md) and [`tests[1]`](c.md)\n")
    with pytest.raises(BrokenLink, match=r"docs/a\.md: b\.md"):
        pages()
    (tmp_path / "docs/b.md").write_text("")
    with pytest.raises(BrokenLink, match=r"docs/a\.md: c\.md"):
        pages()


INDEX = """# Documentation

## One

- [A](a.md): first,
  and more
- [B](b.md): see [C](c.md)

## Two

Short lead:

- [D](d.md), [E](e.md#x)
- [F](f.md), [G](g.md)

A lead that is longer than three words:

- [H](h.md)
"""


def test_sections_of_the_index() -> None:
    assert list(sections(INDEX)) == [("One", ["a.md", "b.md"]), ("Short lead", ["d.md", "f.md", "g.md", "h.md"])]


def test_llms_txt_begins_with_the_first_section() -> None:
    assert llms_txt("# X\n\nText.\n\n## One\n\n- [A](a.md): a\n", "Keys.", "1/") == (
        "# Latchkey\n\n> Keys.\n\n## One\n\n- [A](1/a.md): a\n"
    )
