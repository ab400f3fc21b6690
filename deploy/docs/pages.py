"""Pages of the site: those of docs/, and the ones that lie next to README, with links that hold on the site."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
INDEX: Final = "index.md"
# Where the pages next to README are on the site.
_MOVED: Final[Mapping[str, str]] = {
    "CONTRIBUTING.md": "contributing/index.md",
    "SECURITY.md": "contributing/security-policy.md",
    "CHANGELOG.md": "changelog.md",
}
_FENCE: Final = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!!)\[((?:`[^`]*`|[^\[\]`])*)\]\(([^()\s]+)\)")
_ENTRY: Final = re.compile(r"^- \[[^\]]*\]\(([^)#]+\.md)\)|, \[[^\]]*\]\(([^)#]+\.md)\)", re.MULTILINE)
_LONGEST_CAPTION: Final = 3


class BrokenLink(ValueError):
    """A link to a file that doesn't exist. The message names the page and the link."""


def pages() -> dict[str, str]:
    """Return the text of each page by its path on the site. Raise BrokenLink."""
    places = {DOCS / found.relative_to(DOCS): str(found.relative_to(DOCS)) for found in sorted(DOCS.rglob("*.md"))}
    places |= {ROOT / name: place for name, place in _MOVED.items()}
    return {place: _with_links_of_site(source, place, places) for source, place in places.items()}


def sections(index: str) -> Iterator[tuple[str, list[str]]]:
    """Return the groups of pages that the text of the index lists: a caption, and the pages' paths in their order.

    A group begins with a heading, or with a short line such as `Keys:`.
    """
    caption, listed = "", list[str]()
    for block in re.split(r"\n\n+", index):
        lead = block.removesuffix(":")
        is_lead = block.endswith(":") and "\n" not in block and len(lead.split()) <= _LONGEST_CAPTION
        if block.startswith("## ") or is_lead:
            if listed:
                yield caption, listed
            caption, listed = lead.removeprefix("## "), []
        listed += ["".join(found) for found in _ENTRY.findall(block)]
    yield caption, listed


def llms_txt(index: str, summary: str, base: str = "") -> str:
    """Return llms.txt (llmstxt.org): what the project is, and every page in Markdown with one line about it."""
    _, _, listed = index.partition("\n## ")
    listed = _LINK.sub(lambda link: f"[{link[1]}]({base}{link[2]})", listed)
    return f"# Latchkey\n\n> {summary}\n\n## {listed}"


def _with_links_of_site(source: Path, place: str, places: Mapping[Path, str]) -> str:
    """Return the text of a page, in which links lead to pages of the site. A file that isn't one is only named."""

    def of_site(link: re.Match[str]) -> str:
        label, target = link.groups()
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            return link[0]
        path, hash_sign, anchor = target.partition("#")
        file = Path(os.path.normpath(source.parent / path))
        if not file.exists():
            raise BrokenLink(f"{source.relative_to(ROOT)}: {target}")
        if file not in places:
            return label
        return f"[{label}]({os.path.relpath(places[file], Path(place).parent)}{hash_sign}{anchor})"

    text = source.read_text(encoding="utf-8")
    parts, end = [], 0
    # Nothing in a block of code is a link.
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(of_site, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(of_site, text[end:])])
