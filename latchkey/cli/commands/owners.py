"""`latchkey owners`: list, show, create, change and delete."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from latchkey.cli.completions import complete_plans
from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.output import print_change, print_object, print_rows
from latchkey.cli.parameters import invocation_of
from latchkey.cli.plan_parameters import OwnerSlug

if TYPE_CHECKING:
    from latchkey.client.owner import Owner
    from latchkey.client.owners import OwnerValues

group = typer.Typer(
    no_args_is_help=True,
    help="Owners of keys: their plans, and the limits that their keys share. List, show, create...",
)
_LARGEST_PAGE: Final = 200
_SHOWN: Final = ("slug", "name", "display_name", "plan", "period_anchor")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be a date, for example 2027-01-31") from None


DisplayName: TypeAlias = Annotated[str | None, typer.Option(metavar="TEXT", help="Its name for people.")]
Contacts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--contact", metavar="TEXT", help="A contact, for example an email address. Can be repeated."),
]  # fmt: skip
PeriodAnchor: TypeAlias = Annotated[
    Any,
    typer.Option(
        "--period-anchor", parser=_day, metavar="DATE",
        help="The day from which months of quotas with 'anchor' count: 2027-01-31.",
    ),
]  # fmt: skip
Plan: TypeAlias = Annotated[
    str | None, typer.Option("--plan", metavar="NAME", help="The owner's plan.", autocompletion=complete_plans)
]


@group.command("list")
def list_owners(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Maximum number of owners. Default: all")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Continue where a list with --limit ended.")
    ] = None,
) -> None:
    """List the owners and their plans."""
    invocation = invocation_of(context)
    found: list[Mapping[str, Any]] = []
    while True:
        page_size = None if limit is None else min(_LARGEST_PAGE, limit - len(found))
        page = invocation.client.owners.page(cursor=cursor, limit=page_size)
        found += [owner.document for owner in page.items]
        cursor = page.next
        if cursor is None or len(found) == limit:
            break
    rows = [{name: document.get(name) for name in _SHOWN} for document in found]
    print_rows({"items": found, "next": cursor}, invocation.view, rows=rows)
    if cursor is not None and invocation.view.is_table:
        invocation.say(f"there are more owners; repeat with --cursor {cursor}")


@group.command("show")
def show(context: typer.Context, slug: OwnerSlug) -> None:
    """Show an owner. 'limits --owner SLUG' shows what is used of its limits."""
    invocation = invocation_of(context)
    print_object(invocation.client.owners.show(slug).document, invocation.view)


@group.command("create")
def create(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="OWNER", help="The text in the field owner of its keys.", show_default=False)
    ],
    slug: Annotated[
        str | None, typer.Option(metavar="SLUG", help="How commands name it. Default: made from OWNER")
    ] = None,
    display_name: DisplayName = None,
    contact: Contacts = None,
    period_anchor: PeriodAnchor = None,
    plan: Plan = None,
) -> None:
    """Create an owner. Its keys are those whose field owner is OWNER. OWNER and SLUG never change."""
    typed: dict[str, Any] = {
        "display_name": display_name, "contacts": contact or None, "period_anchor": period_anchor,
        "plan": plan,
    }  # fmt: skip
    values: OwnerValues = {name: value for name, value in typed.items() if value is not None}  # type: ignore[assignment]
    invocation = invocation_of(context)
    owner = invocation.client.owners.create(name, slug=slug, **values)
    print_change(owner.document, invocation.view, f"Created the owner {_named(owner)}{_with_plan(owner)}.")


@group.command("change")
def change(
    context: typer.Context,
    slug: OwnerSlug,
    display_name: DisplayName = None,
    contact: Annotated[
        list[str] | None,
        typer.Option("--contact", metavar="TEXT", help="A contact; replaces all current ones. Can be repeated."),
    ] = None,
    no_contacts: Annotated[bool, typer.Option("--no-contacts", help="Remove all contacts.")] = False,
    period_anchor: PeriodAnchor = None,
    no_period_anchor: Annotated[bool, typer.Option("--no-period-anchor", help="Remove the anchor.")] = False,
    plan: Plan = None,
    no_plan: Annotated[bool, typer.Option("--no-plan", help="Remove the plan.")] = False,
) -> None:
    """Change fields of an owner. Another plan applies from the next request of its keys on."""
    if (no_contacts and contact) or (no_period_anchor and period_anchor) or (no_plan and plan is not None):
        raise typer.BadParameter("An option that removes a value can't be used with the one that sets it.")
    typed: dict[str, Any] = {
        "display_name": display_name, "contacts": contact or None, "period_anchor": period_anchor, "plan": plan,
    }  # fmt: skip
    changes: OwnerValues = {name: value for name, value in typed.items() if value is not None}  # type: ignore[assignment]
    if no_contacts:
        changes["contacts"] = []
    if no_period_anchor:
        changes["period_anchor"] = None
    if no_plan:
        changes["plan"] = None
    if not changes:
        raise typer.BadParameter("Nothing to change. Add at least one option, for example --plan NAME.")
    invocation = invocation_of(context)
    changed = invocation.client.owners.update(slug, **changes)
    print_change(changed.document, invocation.view, f"Changed {', '.join(changes)} of {_named(changed)}.")


@group.command("delete")
def delete(context: typer.Context, slug: OwnerSlug, yes: Yes = False) -> None:
    """Delete an owner that no key has. Asks for its slug first."""
    invocation = invocation_of(context)
    client = invocation.client
    confirm(slug, f"This deletes the owner {slug} and what is used of its limits.", yes=yes, kind="slug")
    client.owners.remove(slug)
    invocation.say(f"Deleted the owner {slug}.")


def _named(owner: "Owner") -> str:
    return owner.slug if owner.slug == owner.name else f"{owner.slug} ({owner.name})"


def _with_plan(owner: "Owner") -> str:
    return f" with the plan {owner.plan}" if owner.plan else ""
