"""Parameters of commands about plans, owners and limits."""

from typing import Annotated, TypeAlias

import typer

from latchkey.cli.completions import complete_key_ids, complete_owners, complete_plans
from latchkey.cli.parameters import key_id
from latchkey.client.names import named_path


def path_name(text: str) -> str:
    """Return the name of a plan or the slug of an owner. Raises BadParameter."""
    # A credential may have been typed, so the message never repeats it.
    try:
        named_path("", text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def subject_of(key: str | None, owner: str | None) -> str:
    """Return the key ID or the slug that was typed. Raises BadParameter unless it's exactly one."""
    if (key is None) == (owner is None):
        raise typer.BadParameter("Use --key KEY_ID or --owner SLUG, one of them.")
    return key or owner or ""


Plan: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The key's own plan: see 'plans list'.", autocompletion=complete_plans),
]
PlanName: TypeAlias = Annotated[
    str, typer.Argument(parser=path_name, metavar="NAME", show_default=False, autocompletion=complete_plans)
]
OwnerSlug: TypeAlias = Annotated[
    str, typer.Argument(parser=path_name, metavar="SLUG", show_default=False, autocompletion=complete_owners)
]
OwnerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--owner",
        parser=path_name,
        metavar="SLUG",
        help="An owner, by its slug: see 'owners list'.",
        autocompletion=complete_owners,
    ),
]
KeyOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--key", parser=key_id, metavar="KEY_ID", help="A key.", autocompletion=complete_key_ids),
]
Reason: TypeAlias = Annotated[str, typer.Option(metavar="TEXT", help="Why. It's in the event log.", show_default=False)]
