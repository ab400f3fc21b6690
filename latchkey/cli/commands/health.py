"""`latchkey health`: the health of the server."""

from typing import Annotated, Final

import typer

from latchkey.cli.exit_codes import COULD_NOT
from latchkey.cli.output import print_object, write_line
from latchkey.cli.parameters import invocation_of
from latchkey.cli.table import format_fields, format_table

_SHOWN: Final = ("status", "version", "revision", "uptime_seconds", "degraded", "components", "rate_limit")
_OF_A_GUARD_RAIL: Final = ("name", "severity", "count", "since", "detail")


def health(
    context: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Show the full report. Needs a key with health:read.")] = False,
) -> None:
    """Show the server's health. Without --full this needs no key. Exit 3 if it is down or stopping."""
    invocation = invocation_of(context)
    if not full:
        found = invocation.client_without_key.health()
        print_object(found.document, invocation.view)
        if found.status in ("down", "stopping"):
            raise typer.Exit(COULD_NOT)
        return
    report = invocation.client.health_full()
    if not invocation.view.is_table:
        print_object(report.document, invocation.view)
        return
    write_line(format_fields({name: report.document.get(name) for name in _SHOWN}))
    if report.guard_rails:
        write_line(
            "\n" + format_table([{name: rail.get(name) for name in _OF_A_GUARD_RAIL} for rail in report.guard_rails])
        )
