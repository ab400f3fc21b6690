"""The controls that the docs name, and the texts that the admin's pages show.

Docs write a control of the admin in bold, behind the page that it is on: **The key → Rotate**.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

ARROW: Final = " → "

_CODE: Final = re.compile(r"^ *```.*?^ *```$|`[^`]*`", re.MULTILINE | re.DOTALL)
_BOLD: Final = re.compile(r"\*\*([^*]+)\*\*")
_TEXTS: Final = frozenset(
    ("a", "button", "label", "option", "h1", "h2", "h3", "th", "legend", "caption", "dt", "summary")
)
_VOID: Final = frozenset(("input", "br", "img", "link", "meta", "hr", "col", "path", "use"))


def prose(markdown: str) -> str:
    """What a page says outside of code."""
    return _CODE.sub("", markdown)


def controls(markdown: str) -> Iterator[tuple[str, str]]:
    """The page of the admin and the control on it, for each that is named."""
    for bold in _BOLD.findall(prose(markdown)):
        page, *named = " ".join(bold.split()).split(ARROW)
        for control in named:
            yield page, control


class Texts(HTMLParser):
    """The whole texts of the elements of a page that people read, choose or press."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._open: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "submit":
            self.found.add(values.get("value") or "")
        if tag not in _VOID:
            self._open.append((tag, []))

    def handle_data(self, data: str) -> None:
        for _, texts in self._open:
            texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, texts = self._open.pop()
            if name in _TEXTS:
                self.found.add(" ".join("".join(texts).split()).removesuffix(":"))
            if name == tag:
                return


def texts_of(html: str) -> set[str]:
    """Return the texts of a page's headings and controls."""
    reader = Texts()
    reader.feed(html)
    reader.close()
    return reader.found
