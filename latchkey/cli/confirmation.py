"""Confirmation of changes that can't be undone: asked for on a terminal, given by --yes without one."""

import sys
from typing import Annotated, TypeAlias

import typer

from latchkey.cli.errors import CLIError

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Skip the confirmation. Required without a terminal.")]


def confirm(name: str, consequence: str, *, yes: bool, kind: str = "key ID") -> None:
    """Return if `yes` is set or the person types `name`, which is what `kind` says.

    `consequence` is a sentence that says what will be permanent. Raises CLIError otherwise; nothing has been
    changed yet.
    """
    if yes:
        return
    # The prompt goes to standard error and the reply comes from standard input, so both must be a terminal.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        detail = (
            f"{consequence} This cannot be undone, and without a terminal it can't be confirmed. Nothing was changed."
        )
        raise CLIError("Not confirmed", detail, "To do it anyway, add --yes.")
    if _prompt(f"{consequence} This cannot be undone. Type {name} to continue: ") != name:
        raise CLIError("Not confirmed", f"That is not the {kind}. Nothing was changed.", "")


def _prompt(prompt: str) -> str:
    """Return what is typed at the prompt, or an empty string at the end of input."""
    # typer's own prompt writes a space to standard output, in front
    # of a credential that may be piped to a program.
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
