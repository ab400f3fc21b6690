"""`latchkey keys`: list, show, callers, disable, enable and revoke."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from latchkey.cli import output
from latchkey.cli.completions import complete_plans
from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.key_ids import for_each, read_key_ids
from latchkey.cli.key_table import key_row, print_changed_keys, print_key
from latchkey.cli.parameters import IfMatch, KeyId, KeyIds, invocation_of
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
    plan: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only keys with this plan of their own.", autocompletion=complete_plans),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Maximum number of keys. Default: all")] = None,
    cursor: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Continue where a list with --limit and the same filters ended."),
    ] = None,
) -> None:
    """List keys, newest first."""
    from latchkey.client.keys import LARGEST_PAGE

    invocation = invocation_of(context)
    filters: KeyFilters = {"q": q, "state": state and state.value, "owner": owner, "label": label, "plan": plan}
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
    output.print_rows({"items": documents, "next": cursor}, invocation.view, rows=rows)
    if cursor is not None and invocation.view.is_table:
        invocation.say(f"there are more keys; repeat with the same filters and --cursor {cursor}")


@group.command("show")
def show(context: typer.Context, key_id: KeyIds) -> None:
    """Show keys with their secrets' state and last use, and no secret."""
    invocation = invocation_of(context)
    key_ids = read_key_ids(key_id)
    found = for_each(invocation, key_ids, invocation.client.keys.show)
    if len(key_ids) == 1:
        print_key(found[0], invocation.view)
        return
    documents = [key.document for key in found]
    output.print_rows({"items": documents}, invocation.view, rows=[key_row(document) for document in documents])


@group.command("callers")
def callers(context: typer.Context, key_id: KeyId) -> None:
    """Show from which client addresses, and by which services, a key is used. Requests are estimates."""
    invocation = invocation_of(context)
    rows = [caller.document for caller in invocation.client.keys.callers(key_id)]
    output.print_rows(rows, invocation.view, rows=rows)


@group.command("disable")
def disable(context: typer.Context, key_id: KeyIds, if_match: IfMatch = None) -> None:
    """Disable keys: their requests are rejected until they are enabled again."""
    _set_enabled(context, key_id, if_match, enabled=False)


@group.command("enable")
def enable(context: typer.Context, key_id: KeyIds, if_match: IfMatch = None) -> None:
    """Enable disabled keys again."""
    _set_enabled(context, key_id, if_match, enabled=True)


@group.command("revoke")
def revoke(
    context: typer.Context,
    key_id: KeyIds,
    yes: Yes = False,
    if_match: IfMatch = None,
) -> None:
    """Revoke keys permanently. Shows them and asks first: for the ID of a single key, or for the number of keys."""
    invocation = invocation_of(context)
    client = invocation.client
    key_ids = read_key_ids(key_id, if_match=if_match)
    etags = dict.fromkeys(key_ids, if_match)
    if not yes and sys.stdin.isatty():
        # The person confirms what is shown, so a key must not change in between.
        etags = {key: if_match or _show_before_revoking(client, key) for key in key_ids}
    if len(key_ids) == 1:
        confirm(key_ids[0], f"This revokes {key_ids[0]} permanently.", yes=yes)
    else:
        confirm(str(len(key_ids)), f"This revokes {len(key_ids)} keys permanently.", yes=yes, kind="number of keys")

    def revoked(key: str) -> dict[str, object]:
        client.keys.revoke(key, if_match=etags[key])
        invocation.say(f"Revoked {key}.")
        return {"key_id": key}

    for_each(invocation, key_ids, revoked)


def _set_enabled(context: typer.Context, typed: list[str], if_match: str | None, *, enabled: bool) -> None:
    invocation = invocation_of(context)
    key_ids = read_key_ids(typed, if_match=if_match)
    keys = invocation.client.keys
    changed = for_each(invocation, key_ids, lambda key: keys.update(key, if_match=if_match, enabled=enabled))
    done = "Enabled" if enabled else "Disabled"
    print_changed_keys(changed, invocation.view, several=len(key_ids) > 1, done=done)


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
