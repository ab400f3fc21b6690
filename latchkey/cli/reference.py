"""`python -m latchkey.cli.reference FILE`: writes the reference into a page, from the command's own help."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from latchkey.cli.app import app

HEADING: Final = "## Reference"
WIDTH: Final = 100


def page_with_reference(page: str) -> str:
    """Return the page with the help of every command below HEADING, in the order of the commands."""
    before, _, _ = page.partition(f"\n{HEADING}\n")
    return f"{before}\n{HEADING}\n\n{reference()}"


def reference() -> str:
    """Return the help of every command as Markdown."""
    command = typer.main.get_command(app)
    return "\n".join(_pages(command, _context(command, "latchkey", None)))


def _pages(command: Any, context: Any) -> Iterator[str]:
    text = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
    yield f"### `{context.command_path}`\n\n```\n{text.strip()}\n```\n"
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found = command.get_command(context, name)
        yield from _pages(found, _context(found, name, context))


def _context(command: Any, name: str, parent: Any) -> Any:
    return command.make_context(name, [], parent=parent, resilient_parsing=True, terminal_width=WIDTH)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(page_with_reference(file.read_text(encoding="utf-8")), encoding="utf-8")
