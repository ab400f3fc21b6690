"""`latchkey whoami`: the calling key."""

import typer

from latchkey.cli.limit_table import limit_lines
from latchkey.cli.output import print_object
from latchkey.cli.parameters import invocation_of


def whoami(context: typer.Context) -> None:
    """Show the calling key, its scopes, its rate limit and what is left in its bucket."""
    invocation = invocation_of(context)
    document = invocation.client.whoami().document
    lines = {name: value for name, value in document.items() if name != "limits"} | limit_lines(document)
    print_object(document, invocation.view, lines=lines)
