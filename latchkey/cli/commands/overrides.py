"""`latchkey limits override`: other numbers for one limit of a key or an owner, until a moment."""

from datetime import datetime
from typing import Annotated, Any

import typer

from latchkey.cli.output import print_change, print_rows
from latchkey.cli.parameters import invocation_of, time_ahead
from latchkey.cli.parameters import rate as parsed_rate
from latchkey.cli.plan_parameters import KeyOption, OwnerOption, subject_of
from latchkey.cli.table import Row
from latchkey.timestamps import rfc3339

group = typer.Typer(no_args_is_help=True, help="Overrides: other numbers for one limit, until a moment.")


@group.command("list")
def list_overrides(
    context: typer.Context,
    key: KeyOption = None,
    owner: OwnerOption = None,
) -> None:
    """List overrides: all, or those of a key or an owner."""
    invocation = invocation_of(context)
    found = invocation.client.overrides.list(key_id=key, owner=owner)
    documents = [override.document for override in found]
    print_rows({"items": documents, "next": None}, invocation.view, rows=[_row(document) for document in documents])


@group.command("grant")
def grant(
    context: typer.Context,
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help="Name of the limit.", show_default=False)],
    until: Annotated[
        datetime,
        typer.Option(
            parser=time_ahead, metavar="SPAN|TIME", help="When it ends: 30d, or 2027-01-31T09:30:00Z.",
            show_default=False,
        ),
    ],
    key: KeyOption = None,
    owner: OwnerOption = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why. It's in the event log.")] = None,
    rate: Annotated[
        Any, typer.Option(parser=parsed_rate, metavar="B/PERIOD", help="For a rate: 60/min, 10/s, 1000/5m, 5000/day.")
    ] = None,
    quota: Annotated[int | None, typer.Option(min=1, metavar="N", help="For a quota: units in a period.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="For a concurrency: reservations at the same time.")
    ] = None,
) -> None:  # fmt: skip
    """Replace the number of a limit until a moment. What is used stays used. An earlier override ends. For example:
    latchkey limits override grant monthly --owner acme --quota 2000000 --until 30d --reason "launch"
    """
    subject = subject_of(key, owner)
    if [rate, quota, concurrency].count(None) != 2:
        raise typer.BadParameter("Use one of --rate 200/s, --quota N and --concurrency N, as the limit is.")
    # Imported late, like all of the client: `--help` doesn't need it.
    from latchkey.client.rate_limit import RateLimit

    invocation = invocation_of(context)
    override = invocation.client.overrides.grant(
        limit,
        until=until,
        reason=reason,
        key_id=key,
        owner=owner,
        rate=RateLimit(*rate) if rate else None,
        quota=quota,
        concurrency=concurrency,
    )
    done = f"Granted {_number(override.document)} as {limit} of {subject} until {rfc3339(override.until)}"
    print_change(override.document, invocation.view, f"{done} (override {override.id}).")


@group.command("end")
def end(
    context: typer.Context,
    override_id: Annotated[int, typer.Argument(min=1, metavar="OVERRIDE_ID", show_default=False)],
) -> None:
    """End an override early. The plan's numbers apply from the next request on."""
    invocation = invocation_of(context)
    invocation.client.overrides.end(override_id)
    invocation.say(f"Ended the override {override_id}.")


def _row(override: Row) -> dict[str, object]:
    return {
        "id": override.get("id"),
        "key or owner": override.get("key_id") or override.get("owner"),
        "limit": override.get("limit"),
        "number": _number(override),
        "reason": override.get("reason"),
        "ends": override.get("ended_at") or override.get("until"),
    }


def _number(override: Row) -> str:
    rate: Any = override.get("rate")
    if rate is not None:
        return f"{rate['burst']:,} per {rate['per_seconds']:,} s"
    number: Any = next((override[name] for name in ("quota", "concurrency") if override.get(name) is not None), None)
    return f"{number:,}" if isinstance(number, int) else "unknown"
