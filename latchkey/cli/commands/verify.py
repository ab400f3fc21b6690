"""`latchkey verify`: checks if a credential is valid."""

import re
from typing import Annotated, Any, Final

import typer

from latchkey.cli.api_key import STANDARD_INPUT, read_secret, warn_about_secret_argument
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from latchkey.cli.output import print_object
from latchkey.cli.parameters import invocation_of
from latchkey.credentials import SECRET_PREFIX, Credential, ImportedToken, MalformedCredential, parse_credential

_UNIT_COST: Final = re.compile(r"([a-z0-9_-]{1,32})=([0-9]{1,16})")


def _unit_cost(text: str) -> tuple[str, int]:
    """Return the unit and the cost. Raises BadParameter."""
    match = _UNIT_COST.fullmatch(text)
    if match is None:
        raise typer.BadParameter("must be a unit, = and a number, for example tokens=350")
    return match[1], int(match[2])


def verify(
    context: typer.Context,
    credential: Annotated[
        str,
        typer.Argument(
            metavar="CREDENTIAL", help="Credential to verify; if it is missing or -, it is read from standard input."
        ),
    ] = STANDARD_INPUT,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="A scope that the key must have. Can be repeated.")
    ] = None,
    cost: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens to take from the key's bucket.")] = 1,
    costs: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_unit_cost,
            metavar="UNIT=N",
            help="A cost in another unit, for limits of plans that count it: tokens=350. Can be repeated.",
        ),
    ] = None,
) -> None:
    """Ask the server if a credential is valid. Exit 0 if it is, 3 if it is throttled, otherwise 2."""
    from latchkey.client.verification import RATE_LIMITED

    invocation = invocation_of(context)
    client = invocation.client
    if credential == STANDARD_INPUT:
        credential = read_secret("Credential to verify (key_id:secret): ")
    else:
        warn_about_secret_argument("CREDENTIAL")
    found = client.verify(_parsed(credential), scopes=scope or [], cost=cost, costs=dict(costs or ()))
    print_object(found.document, invocation.view)
    if not found.valid:
        raise typer.Exit(COULD_NOT if found.code == RATE_LIMITED else REFUSED)


def _parsed(text: str) -> Credential:
    """Return the credential, or the token of an imported key. Raises MalformedCredential."""
    try:
        return parse_credential(text)
    except MalformedCredential:
        # With such a secret, a mistyped credential is far more likely than a token of another system.
        if SECRET_PREFIX in text:
            raise
        return ImportedToken.of(text)
