"""`latchkey verify`: checks if a credential is valid."""

from typing import Annotated, Any

import typer

from latchkey.cli.api_key import STANDARD_INPUT, read_secret, warn_about_secret_argument
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from latchkey.cli.output import print_object
from latchkey.cli.parameters import invocation_of, unit_cost
from latchkey.credentials import SECRET_PREFIX, Credential, ImportedToken, MalformedCredential, parse_credential

TypedCredential = Annotated[
    str,
    typer.Argument(
        metavar="CREDENTIAL", help="Credential to verify; if it is missing or -, it is read from standard input."
    ),
]
NeededScopes = Annotated[
    list[str] | None, typer.Option(metavar="SCOPE", help="A scope that the key must have. Can be repeated.")
]


def verify(
    context: typer.Context,
    credential: TypedCredential = STANDARD_INPUT,
    scope: NeededScopes = None,
    cost: Annotated[int, typer.Option(min=1, metavar="N", help="What the work costs in requests.")] = 1,
    costs: Annotated[
        list[Any] | None,
        typer.Option(
            parser=unit_cost,
            metavar="UNIT=N",
            help="A cost in another unit, for limits of plans that count it: tokens=350. Can be repeated.",
        ),
    ] = None,
) -> None:
    """Ask the server if a credential is valid. Exit 0 if it is, 3 if it is throttled, otherwise 2."""
    from latchkey.client.verification import RATE_LIMITED

    invocation = invocation_of(context)
    client = invocation.client
    found = client.verify(typed_credential(credential), scopes=scope or [], cost=cost, costs=dict(costs or ()))
    print_object(found.document, invocation.view)
    if not found.valid:
        raise typer.Exit(COULD_NOT if found.code == RATE_LIMITED else REFUSED)


def typed_credential(text: str) -> Credential:
    """Return the credential that was typed, or that is on standard input: it may be the token of an imported key.

    Raises MalformedCredential.
    """
    if text == STANDARD_INPUT:
        text = read_secret("Credential to verify (key_id:secret): ")
    else:
        warn_about_secret_argument("CREDENTIAL")
    try:
        return parse_credential(text)
    except MalformedCredential:
        # With such a secret, a mistyped credential is far more likely than a token of another system.
        if SECRET_PREFIX in text:
            raise
        return ImportedToken.of(text)
