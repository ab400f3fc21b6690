"""The blocks of a guide: what a reader types, what they see, and the files that they write."""

import re
from dataclasses import dataclass
from typing import Final

from tests.support.commands import ROOT

HOW_TO: Final = ROOT / "docs" / "how-to"
UNTESTED: Final = "not run by our tests"
"""The paragraph before a block has this if no test runs the block."""

_BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND: Final = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
# What differs from run to run.
_VARYING: Final = (
    (r"lk_[0-9a-z]{12}", "lk_ID"),
    (r"lks_[0-9A-Za-z]{4,49}", "lks_SECRET"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\.\d+)", "TIME"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block, with the paragraph before it."""

    language: str
    text: str
    before: str

    @property
    def untested(self) -> bool:
        return UNTESTED in self.before


@dataclass(frozen=True)
class Command:
    """What is typed after `$`, and what the page shows under it."""

    typed: str
    shown: str


def blocks(name: str) -> list[Block]:
    """Return the blocks of a guide, without their indentation."""
    page = (HOW_TO / name).read_text(encoding="utf-8")
    found = []
    for block in _BLOCK.finditer(page):
        paragraph = page[: block.start()].rstrip().rsplit("\n\n", 1)[-1]
        text = re.sub(rf"^{block[1]}", "", block[3], flags=re.MULTILINE)
        found.append(Block(block[2], text, " ".join(paragraph.split())))
    return found


def commands(block: Block) -> list[Command]:
    """Split a block into its commands, each after `$`; a line that ends in a backslash continues."""
    return [Command(part[1], part[2].rstrip("\n")) for part in _COMMAND.finditer(block.text)]


def file_of(name: str, file: str) -> str:
    """Return the block that is introduced as the content of a file."""
    [text] = [block.text for block in blocks(name) if f"`{file}`:" in block.before]
    return text


def shows(shown: str, output: str) -> bool:
    """Return whether an output is the one that the page shows. There, `…` stands for any text."""
    parts = map(re.escape, _steady(shown).split("…"))
    return re.fullmatch(".*".join(parts), _steady(output).rstrip("\n"), re.DOTALL) is not None


def _steady(text: str) -> str:
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    return text
