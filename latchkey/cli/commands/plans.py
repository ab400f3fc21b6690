"""`latchkey plans`: list, show, create, change and delete."""

from typing import Annotated, Final

import typer

from latchkey.cli.confirmation import Yes, confirm
from latchkey.cli.errors import CLIError
from latchkey.cli.output import print_change, print_object, print_rows
from latchkey.cli.parameters import invocation_of
from latchkey.cli.plan_limits import Concurrencies, LimitOptions, PlanFile, Quotas, Rates
from latchkey.cli.plan_parameters import PlanName
from latchkey.cli.plan_table import plan_lines, plan_row

group = typer.Typer(
    no_args_is_help=True, help="Plans: several limits under a name, for keys and owners. List, show, create..."
)
_EXAMPLE: Final = "--rate per_second=100/1s"


@group.command("list")
def list_plans(context: typer.Context) -> None:
    """List the plans and their limits."""
    invocation = invocation_of(context)
    documents = [plan.document for plan in invocation.client.plans.list()]
    rows = [plan_row(document) for document in documents]
    print_rows({"items": documents, "next": None}, invocation.view, rows=rows)


@group.command("show")
def show(context: typer.Context, name: PlanName) -> None:
    """Show a plan, with a line for each limit. With -o json, it can be changed and given to 'plans change --file'."""
    invocation = invocation_of(context)
    plan = invocation.client.plans.show(name)
    print_object(plan.document, invocation.view, lines=plan_lines(plan.document))


@group.command("create")
def create(
    context: typer.Context,
    name: PlanName,
    rate: Rates = None,
    quota: Quotas = None,
    concurrency: Concurrencies = None,
    file: PlanFile = None,
) -> None:
    """Create a plan. Then give it to keys (keys update KEY_ID --plan NAME) or to owners (owners change SLUG --plan
    NAME). A plan with limits that are shared by an owner's keys (shared=owner) belongs to owners.
    """
    options = LimitOptions.of(rate, quota, concurrency, file)
    if not options:
        raise typer.BadParameter(f"A plan needs limits. Add at least one, for example {_EXAMPLE}, or --file plan.json.")
    invocation = invocation_of(context)
    plan = invocation.client.plans.create(name, options.all(name))
    print_change(plan.document, invocation.view, f"Created the plan {plan.name} with {_count(len(plan.limits))}.")


@group.command("change")
def change(
    context: typer.Context,
    name: PlanName,
    rate: Rates = None,
    quota: Quotas = None,
    concurrency: Concurrencies = None,
    remove_limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Remove the limit with this name. Can be repeated.")
    ] = None,
    file: PlanFile = None,
) -> None:
    """Change limits of a plan, for all keys and owners that have it. Limits that aren't named stay as they are, and so
    do the settings of a limit that aren't typed. --file replaces all limits. What is used of a limit stays used.
    """
    options = LimitOptions.of(rate, quota, concurrency, file)
    removed = tuple(dict.fromkeys(remove_limit or ()))
    if not options and not removed:
        raise typer.BadParameter(f"Nothing to change. Add at least one limit, for example {_EXAMPLE}.")
    if file is not None and removed:
        raise typer.BadParameter("--remove-limit can't be used with --file, which replaces all limits.")
    if both := [limit.name for limit in options.typed if limit.name in removed]:
        raise typer.BadParameter(f"The limit {both[0]} is both set and removed.")
    invocation = invocation_of(context)
    plans = invocation.client.plans
    if file is not None:
        changed = plans.update(name, options.all(name))
    else:
        current = plans.show(name)
        _check_removed(removed, [limit.name for limit in current.limits], name)
        kept = [limit for limit in current.document["limits"] if limit["name"] not in removed]
        # Without the ETag, another client's change in between would be lost.
        changed = plans.update(name, options.merged(kept), if_match=current.etag)
    named = ", ".join([*(limit.name for limit in options.typed), *removed]) or "all limits"
    print_change(changed.document, invocation.view, f"Changed {named} of the plan {name}.")


@group.command("delete")
def delete(context: typer.Context, name: PlanName, yes: Yes = False) -> None:
    """Delete a plan that no key and no owner has. Asks for its name first."""
    invocation = invocation_of(context)
    client = invocation.client
    confirm(name, f"This deletes the plan {name}.", yes=yes, kind="plan's name")
    client.plans.remove(name)
    invocation.say(f"Deleted the plan {name}.")


def _check_removed(removed: tuple[str, ...], names: list[str], plan: str) -> None:
    unknown = next((name for name in removed if name not in names), None)
    if unknown is not None:
        detail = f"The plan {plan} has no limit {unknown}. Nothing was changed."
        raise CLIError("No such limit", detail, f"Its limits: {', '.join(names) or 'none'}.")


def _count(limits: int) -> str:
    return f"{limits} limit{'' if limits == 1 else 's'}"
