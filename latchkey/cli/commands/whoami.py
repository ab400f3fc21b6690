"""`latchkey whoami`: the calling key."""

import typer

from latchkey.cli.output import print_object
from latchkey.cli.parameters import invocation_of


def whoami(context: typer.Context) -> None:
    """Show the calling key, its scopes, its rate limit and what is left in its bucket."""
    invocation = invocation_of(context)
    print_object(invocation.client.whoami().document, invocation.view)
