"""`latchkey keys`: list, show, callers, disable, enable and revoke."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli import output
from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.key_table import key_row, print_key
from latchkey.cli.parameters import IfMatch, KeyId, invocation_of
from latchkey.cli.table import format_fields

if TYPE_CHECKING:
    from latchkey.client.client import Client
    from latchkey.client.key import Key
    from latchkey.client.keys import KeyFilters

group = typer.Typer(
    no_args_is_help=True,
    help="Keys: list, show, callers, create, import, update, rotate, disable, enable, revoke.",
)


class State(StrEnum):
    """States by which keys can be filtered."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNLIMITED = "unlimited"
    ROTATING = "rotating"


@group.command("list")
def list_keys(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only keys in this state.")] = None,
    q: Annotated[
        str | None,
        typer.Option(
            "--q", metavar="TEXT", help="Words, each of which is part of the key ID, label, owner or metadata."
        ),
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="OWNER", help="Only keys with exactly this owner.")] = None,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="Only keys with exactly this label.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Maximum number of keys. Default: all")] = None,
    cursor: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Continue where a list with --limit and the same filters ended."),
    ] = None,
) -> None:
    """List keys, newest first."""
    from latchkey.client.keys import LARGEST_PAGE

    invocation = invocation_of(context)
    filters: KeyFilters = {"q": q, "state": state and state.value, "owner": owner, "label": label}
    found: list[Key] = []
    while True:
        page_size = LARGEST_PAGE if limit is None else min(LARGEST_PAGE, limit - len(found))
        page = invocation.client.keys.page(cursor=cursor, limit=page_size, **filters)
        found += page.keys
        cursor = page.next
        if cursor is None or len(found) == limit:
            break
    documents = [key.document for key in found]
    rows = [key_row(document) for document in documents]
    output.print_rows({"items": documents, "next": cursor}, as_json=invocation.as_json, rows=rows)
    if cursor is not None and not invocation.as_json:
        invocation.say(f"there are more keys; repeat with the same filters and --cursor {cursor}")


@group.command("show")
def show(context: typer.Context, key_id: KeyId) -> None:
    """Show a key with its secrets' state and last use, and no secret."""
    invocation = invocation_of(context)
    print_key(invocation.client.keys.show(key_id), as_json=invocation.as_json)


@group.command("callers")
def callers(context: typer.Context, key_id: KeyId) -> None:
    """Show from which client addresses, and by which services, a key is used. Requests are estimates."""
    invocation = invocation_of(context)
    rows = [caller.document for caller in invocation.client.keys.callers(key_id)]
    output.print_rows(rows, as_json=invocation.as_json, rows=rows)


@group.command("disable")
def disable(context: typer.Context, key_id: KeyId, if_match: IfMatch = None) -> None:
    """Disable a key: its requests are rejected until it is enabled again."""
    invocation = invocation_of(context)
    print_key(invocation.client.keys.disable(key_id, if_match=if_match), as_json=invocation.as_json)


@group.command("enable")
def enable(context: typer.Context, key_id: KeyId, if_match: IfMatch = None) -> None:
    """Enable a disabled key again."""
    invocation = invocation_of(context)
    print_key(invocation.client.keys.enable(key_id, if_match=if_match), as_json=invocation.as_json)


@group.command("revoke")
def revoke(
    context: typer.Context,
    key_id: KeyId,
    yes: Yes = False,
    if_match: IfMatch = None,
) -> None:
    """Revoke a key permanently. Shows the key and asks for its ID first."""
    invocation = invocation_of(context)
    client = invocation.client
    if not yes and sys.stdin.isatty():
        current_etag = _show_before_revoking(client, key_id)
        # The person confirms what is shown, so the key must not change in between.
        if_match = if_match or current_etag
    confirm(key_id, f"This revokes {key_id} permanently.", yes=yes)
    client.keys.revoke(key_id, if_match=if_match)
    invocation.say(f"{key_id} is revoked")


def _show_before_revoking(client: "Client", key_id: str) -> str | None:
    """Show the key that is about to be revoked and return its ETag, or None if the calling key may not read keys."""
    from latchkey.client.failures import ReceivedProblem

    try:
        key = client.keys.show(key_id)
    except ReceivedProblem as problem:
        if problem.slug == "insufficient-scope":
            return None
        raise
    print(format_fields(key_row(key.document)), file=sys.stderr)
    return key.etag
