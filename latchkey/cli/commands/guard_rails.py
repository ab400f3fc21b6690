"""`latchkey guard-rails`: the guard rails that are violated now."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latchkey.cli.errors import CLIError
from latchkey.cli.output import print_object, print_rows
from latchkey.cli.parameters import invocation_of

if TYPE_CHECKING:
    from latchkey.cli.invocation import Invocation

group = typer.Typer(no_args_is_help=True, help="Guard rails: what is violated now. List, show.")
_SHOWN = ("name", "severity", "count", "since", "detail")


@group.command("list")
def list_guard_rails(context: typer.Context) -> None:
    """List the violated guard rails, as 'health --full' has them. Exit 0, whatever it finds."""
    invocation = invocation_of(context)
    found = _violated(invocation)
    rows = [{name: rail.get(name) for name in _SHOWN} for rail in found]
    print_rows({"items": found}, invocation.view, rows=rows)


@group.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, for example old_secret.", show_default=False)],
) -> None:
    """Show a violated guard rail, what to do about it, and the waivers of it."""
    invocation = invocation_of(context)
    rail = next((rail for rail in _violated(invocation) if rail.get("name") == name), None)
    if rail is None:
        raise CLIError(
            "Not violated",
            "No guard rail with this name is violated now.",
            f"See 'latchkey guard-rails list', or {invocation.url}/guard-rails/ and its name for a description.",
        )
    waivers = [waiver.document for waiver in invocation.client.waivers.list() if waiver.guard_rail == name]
    lines = {
        **rail,
        **{f"waiver {waiver['id']}": _waiver_text(waiver) for waiver in waivers},
        "description": f"{invocation.url.rstrip('/')}/guard-rails/{name}",
    }
    print_object({**rail, "waivers": waivers}, invocation.view, lines=lines)


def _violated(invocation: "Invocation") -> list[Mapping[str, Any]]:
    return list(invocation.client.health_full().guard_rails)


def _waiver_text(waiver: Mapping[str, Any]) -> str:
    return f"for {waiver.get('key_id') or 'all keys'} until {waiver.get('ends_at')}: {waiver.get('reason')}"
