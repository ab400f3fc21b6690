"""latchkey keys: list, show, disable, enable and revoke."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli import output
from latchkey.cli.key_table import key_row, show_key
from latchkey.cli.parameters import KeyId, invocation_of

if TYPE_CHECKING:
    from latchkey.client.key import Key

group = typer.Typer(no_args_is_help=True, help="Keys: list, show, create, update, rotate, disable, enable, revoke.")


class State(StrEnum):
    """By what keys are listed."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNLIMITED = "unlimited"
    ROTATING = "rotating"


@group.command("list")
def list_keys(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Keys in this state alone.")] = None,
    q: Annotated[
        str | None, typer.Option("--q", metavar="TEXT", help="Begins the key id, or stands in label or owner.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many. Default: all")] = None,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on where a list with --limit ended.")] = None,
) -> None:
    """List keys, newest first."""
    from latchkey.client.keys import LARGEST_PAGE

    invocation = invocation_of(context)
    found: list[Key] = []
    while True:
        wanted = LARGEST_PAGE if limit is None else min(LARGEST_PAGE, limit - len(found))
        page = invocation.client.keys.page(cursor=cursor, limit=wanted, q=q, state=state and state.value)
        found += page.keys
        cursor = page.next
        if cursor is None or len(found) == limit:
            break
    documents = [key.document for key in found]
    rows = [key_row(document) for document in documents]
    output.show({"items": documents, "next": cursor}, as_json=invocation.as_json, rows=rows)
    if cursor is not None and not invocation.as_json:
        invocation.say(f"there are more: --cursor {cursor}")


@group.command("show")
def show(context: typer.Context, key_id: KeyId) -> None:
    """Show a key with its secrets' state and last use, and no secret."""
    invocation = invocation_of(context)
    show_key(invocation.client.keys.show(key_id), as_json=invocation.as_json)


@group.command("disable")
def disable(context: typer.Context, key_id: KeyId) -> None:
    """Refuse a key until it is enabled again."""
    invocation = invocation_of(context)
    show_key(invocation.client.keys.disable(key_id), as_json=invocation.as_json)


@group.command("enable")
def enable(context: typer.Context, key_id: KeyId) -> None:
    """Let a disabled key pass again."""
    invocation = invocation_of(context)
    show_key(invocation.client.keys.enable(key_id), as_json=invocation.as_json)


@group.command("revoke")
def revoke(
    context: typer.Context,
    key_id: KeyId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End a key, for ever. On a terminal the key id is asked for."""
    invocation = invocation_of(context)
    client = invocation.client
    if not yes and sys.stdin.isatty() and typer.prompt(f"Type {key_id} to revoke it for ever", err=True) != key_id:
        raise typer.BadParameter("That is not the key id. Nothing was revoked.")
    client.keys.revoke(key_id)
    invocation.say(f"{key_id} is revoked")
