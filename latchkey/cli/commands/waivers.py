"""`latchkey waivers`: list, grant and end."""

from datetime import datetime
from typing import Annotated

import typer

from latchkey.cli.completions import complete_key_ids
from latchkey.cli.output import print_change, print_rows
from latchkey.cli.parameters import invocation_of, key_id, time_ahead
from latchkey.timestamps import rfc3339

group = typer.Typer(no_args_is_help=True, help="Waivers: accept what a guard rail finds, for a time. List, grant, end.")
_SHOWN = ("id", "guard_rail", "key_id", "reason", "granted_by", "ends_at")


@group.command("list")
def list_waivers(context: typer.Context) -> None:
    """List the waivers in force, newest first."""
    invocation = invocation_of(context)
    documents = [waiver.document for waiver in invocation.client.waivers.list()]
    rows = [{name: document.get(name) for name in _SHOWN} for document in documents]
    print_rows({"items": documents}, invocation.view, rows=rows)


@group.command("grant")
def grant(
    context: typer.Context,
    guard_rail: Annotated[
        str, typer.Argument(metavar="GUARD_RAIL", help="Its name; see 'guard-rails list'.", show_default=False)
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why this is acceptable.", show_default=False)],
    ends_in: Annotated[
        datetime,
        typer.Option(
            "--ends-in",
            parser=time_ahead,
            metavar="SPAN|TIME",
            help="When it ends, at most 366d ahead: 30d, or 2027-01-31T09:30:00Z.",
            show_default=False,
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            parser=key_id,
            metavar="KEY_ID",
            help="Only for this key. Default: for all keys",
            autocompletion=complete_key_ids,
        ),
    ] = None,
) -> None:
    """Silence a guard rail for a time. It's an event, with your reason and your key ID."""
    invocation = invocation_of(context)
    waiver = invocation.client.waivers.grant(guard_rail, reason=reason, ends_at=ends_in, key_id=key)
    subject = waiver.key_id or "all keys"
    confirmation = f"Waived {waiver.guard_rail} for {subject} until {rfc3339(waiver.ends_at)} (waiver {waiver.id})."
    print_change(waiver.document, invocation.view, confirmation)


@group.command("end")
def end(
    context: typer.Context,
    waiver_id: Annotated[int, typer.Argument(min=1, metavar="WAIVER_ID", show_default=False)],
) -> None:
    """End a waiver early. Its guard rail alerts again immediately."""
    invocation = invocation_of(context)
    invocation.client.waivers.end(waiver_id)
    invocation.say(f"Ended the waiver {waiver_id}.")
