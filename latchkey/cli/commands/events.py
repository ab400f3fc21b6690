"""`latchkey events`: pages of the event log, and the live stream."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from latchkey.cli.event_sentence import event_sentence
from latchkey.cli.output import print_rows, write_line
from latchkey.cli.parameters import OptionalKeyId, invocation_of, span
from latchkey.cli.resume_file import ResumeFile
from latchkey.cli.signals import deferred_signals
from latchkey.cli.table import format_cell
from latchkey.cli.view import Format

if TYPE_CHECKING:
    from latchkey.client.event import Event

group = typer.Typer(no_args_is_help=True, help="Events: what happened, to which key, and by whom.")

EventType: TypeAlias = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only events of this type, for example KeyRevoked.")
]


@group.command("list")
def list_events(
    context: typer.Context,
    after: Annotated[int, typer.Option(min=0, metavar="ID", help="Only events with IDs above this.")] = 0,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of events.")] = 100,
    type: EventType = None,
    key: OptionalKeyId = None,
) -> None:
    """List events as sentences, oldest first. With --output json, show all of their fields."""
    from latchkey.client.events import LARGEST_PAGE

    invocation = invocation_of(context)
    found: list[Event] = []
    position: int | None = after
    while position is not None and len(found) < limit:
        page_size = min(LARGEST_PAGE, limit - len(found))
        page = invocation.client.events.page(after=position, limit=page_size, type=type, key_id=key)
        found += page.events
        position = page.next
    documents = [event.document for event in found]
    now = datetime.now(UTC)
    rows = [{"id": event.id, "at": event.document["at"], "what": event_sentence(event, now)} for event in found]
    print_rows({"items": documents, "next": position}, invocation.view, rows=rows)
    if position is not None and invocation.view.is_table:
        invocation.say(f"there are more events: --after {position}")


@group.command("tail")
def tail(
    context: typer.Context,
    after: Annotated[
        int | None, typer.Option(min=0, metavar="ID", help="Start after this event; 0 for all events. Default: now")
    ] = None,
    type: EventType = None,
    key: OptionalKeyId = None,
    resume_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the last event's ID in this file, and start after it next time."),
    ] = None,
    patience: Annotated[
        timedelta, typer.Option(parser=span, metavar="SPAN", help="How long to try to restore a lost connection.")
    ] = "5m",  # type: ignore[assignment]
) -> None:
    """Print events as they happen, each once, until Ctrl-C. With --output json, one object per line."""
    invocation = invocation_of(context)
    if invocation.view.format not in (Format.TABLE, Format.JSON) or invocation.view.jq:
        raise typer.BadParameter("events tail writes a line for each event: use --output table or json, without --jq.")
    resume = ResumeFile(resume_file) if resume_file else None
    position = resume.read() if resume else None
    stream = invocation.client.events.follow(
        after=after if position is None else position,
        type=type,
        key_id=key,
        patience_seconds=patience.total_seconds(),
        opened=resume.write if resume else None,
    )
    for event in stream:
        # An interrupt between the two writes would print the event again next time.
        with deferred_signals():
            write_line(_line(event) if invocation.view.is_table else json.dumps(event.document, ensure_ascii=False))
            if resume:
                resume.write(event.id)


def _line(event: "Event") -> str:
    shown = (event.document["at"], event_sentence(event, datetime.now(UTC)))
    return "  ".join([str(event.id), *map(format_cell, shown)])
