"""`latchkey limits`: what is used of the limits of a key or an owner, and adjustments of that."""

from typing import Annotated

import typer

from latchkey.cli.default_command import ShowByDefault
from latchkey.cli.limit_table import limit_row, limit_use_text
from latchkey.cli.output import print_change, print_rows
from latchkey.cli.parameters import KeyIdOrOwn, invocation_of
from latchkey.cli.plan_parameters import KeyOption, OwnerOption, Reason, subject_of

group = typer.Typer(
    cls=ShowByDefault,
    help="Limits of keys and owners: what is used and left. 'latchkey limits KEY_ID' is 'limits show KEY_ID'. Show, "
    "adjust, override.",
)


@group.command("show")
def show(context: typer.Context, key_id: KeyIdOrOwn = None, owner: OwnerOption = None) -> None:
    """Show the limits of a key, or of an owner: used, left, and when they reset.

    Without KEY_ID and --owner: those of the calling key, which needs no scope.
    """
    if key_id is not None and owner is not None:
        raise typer.BadParameter("Name a key or an owner, not both.")
    invocation = invocation_of(context)
    documents = [limit.document for limit in invocation.client.limits.list(key_id, owner=owner)]
    rows = [limit_row(document, invocation.view) for document in documents]
    print_rows({"limits": documents}, invocation.view, rows=rows, items="limits")


@group.command("adjust")
def adjust(
    context: typer.Context,
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help="Name of the limit.", show_default=False)],
    reason: Reason,
    key: KeyOption = None,
    owner: OwnerOption = None,
    used: Annotated[int | None, typer.Option(min=0, metavar="N", help="Set what is used; 0 starts again.")] = None,
    add: Annotated[
        int | None, typer.Option(metavar="N", help="Add to what is used; a negative number gives back: --add -5000.")
    ] = None,
) -> None:
    """Set what is used of a limit, or add to it. For example, to start a month again:
    latchkey limits adjust monthly --owner acme --used 0 --reason "outage of 12 March"
    """
    subject = subject_of(key, owner)
    if (used is None) == (add is None):
        raise typer.BadParameter("Use --used N to set what is used, or --add N to change it: --used 0, or --add -5000.")
    invocation = invocation_of(context)
    adjusted = invocation.client.limits.adjust(limit, reason=reason, key_id=key, owner=owner, used=used, add=add)
    done = f"Adjusted {adjusted.name} of {subject}: {limit_use_text(adjusted.document)}."
    print_change(adjusted.document, invocation.view, done)
