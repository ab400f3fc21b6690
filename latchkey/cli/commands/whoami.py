"""`latchkey whoami`: the calling key."""

import typer

from latchkey.cli.output import show_one
from latchkey.cli.parameters import invocation_of


def whoami(context: typer.Context) -> None:
    """Show the calling key, its scopes, its rate limit and what is left in its bucket."""
    invocation = invocation_of(context)
    show_one(invocation.client.whoami().document, as_json=invocation.as_json)
