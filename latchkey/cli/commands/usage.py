"""`latchkey usage`: how much a key was used."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

from latchkey.cli.output import print_rows
from latchkey.cli.parameters import KeyIdOrOwn, invocation_of, time_ago
from latchkey.cli.table import Row
from latchkey.client.usage import UnitUsage, Usage

_NOTHING: Final = UnitUsage(0, 0)


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
    """Show how much a key was used: requests, and what they cost in other units.

    Without KEY_ID: those of the calling key, which needs no scope. Without --since: those of a day.
    """
    invocation = invocation_of(context)
    steps = invocation.client.usage(key_id, since=since, until=until, step=step.value)
    print_rows([found.document for found in steps], invocation.view, rows=_rows(steps))


def _rows(steps: Sequence[Usage]) -> list[Row]:
    """Return a row for each step, with two columns for each unit in which some step had costs."""
    units = sorted({unit for step in steps for unit in step.units})
    return [
        {
            "start": step.document["start"],
            "allowed": step.allowed,
            "throttled": step.throttled,
            **{name: number for unit in units for name, number in _columns(unit, step.units.get(unit, _NOTHING))},
        }
        for step in steps
    ]


def _columns(unit: str, amounts: UnitUsage) -> list[tuple[str, int]]:
    return [(f"{unit} charged", amounts.charged), (f"{unit} returned", amounts.returned)]
