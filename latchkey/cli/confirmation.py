"""Confirmation of what cannot be undone: asked for on a terminal, given by --yes where there is none."""

import sys
from typing import Annotated, TypeAlias

import typer

from latchkey.cli.refusal import Refusal

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask. Needed if there is no terminal to ask on.")]


def confirm(key_id: str, consequence: str, *, yes: bool) -> None:
    """Return if `yes` is set or the person types the key ID. `consequence` is what will be permanent, as a sentence.

    Raises Refusal otherwise: nothing was sent yet.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        detail = f"{consequence} It cannot be undone, and there is no terminal to ask on. Nothing was changed."
        raise Refusal("Not confirmed", detail, "If you mean it, add --yes.")
    if _typed(f"{consequence} It cannot be undone. Type {key_id} to continue: ") != key_id:
        raise Refusal("Not confirmed", "That is not the key ID. Nothing was changed.", "")


def _typed(prompt: str) -> str:
    """Return what is typed at the prompt; empty at the end of input. typer's own prompt writes a space to standard
    output, in front of a credential that is piped to somebody.
    """
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
