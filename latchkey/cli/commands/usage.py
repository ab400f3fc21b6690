"""`latchkey usage`: how much a key was used."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from latchkey.cli.output import print_rows
from latchkey.cli.parameters import KeyIdOrOwn, invocation_of, time_ago


class Step(StrEnum):
    """Time steps by which usage is added up."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


def usage(
    context: typer.Context,
    key_id: KeyIdOrOwn = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=time_ago, metavar="SPAN|TIME", help="Start of the usage: 7d, or 2027-01-31T09:30:00Z."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=time_ago, metavar="SPAN|TIME", help="End of the usage. Default: now")
    ] = None,
    step: Annotated[Step, typer.Option(help="Length of a step.")] = Step.HOUR,
) -> None:
    """Show how many requests of a key were allowed and throttled.

    Without KEY_ID: those of the calling key, which needs no scope. Without --since: those of a day.
    """
    invocation = invocation_of(context)
    steps = invocation.client.usage(key_id, since=since, until=until, step=step.value)
    rows = [found.document for found in steps]
    print_rows(rows, invocation.view, rows=rows)
