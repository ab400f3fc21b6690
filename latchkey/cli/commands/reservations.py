"""`latchkey reserve` and `latchkey settle`: an estimate of the costs of work, and what the work cost."""

from typing import Annotated, Any, Final

import typer

from latchkey.cli.api_key import STANDARD_INPUT
from latchkey.cli.commands.verify import NeededScopes, TypedCredential, typed_credential
from latchkey.cli.exit_codes import COULD_NOT, REFUSED
from latchkey.cli.output import print_change, print_object
from latchkey.cli.parameters import invocation_of, reservation_id, unit_cost
from latchkey.timestamps import rfc3339

_MAX_TTL_SECONDS: Final = 3600


def reserve(
    context: typer.Context,
    credential: TypedCredential = STANDARD_INPUT,
    scope: NeededScopes = None,
    cost: Annotated[int, typer.Option(min=0, metavar="N", help="An estimate in requests.")] = 1,
    costs: Annotated[
        list[Any] | None,
        typer.Option(
            parser=unit_cost,
            metavar="UNIT=N",
            help="An estimate in another unit, for limits of plans that count it: tokens=800. Can be repeated.",
        ),
    ] = None,
    ttl: Annotated[
        int, typer.Option(min=1, max=_MAX_TTL_SECONDS, metavar="SECONDS", help="Time until it expires.")
    ] = 60,
) -> None:
    """Verify a credential, and reserve the estimated costs of work. For example:
    latchkey reserve --costs tokens=800 --ttl 600

    Then settle it by what the work cost. Exit 0 if it is reserved, 3 if the key is throttled, otherwise 2.
    """
    from latchkey.client.reservation import NotReserved
    from latchkey.client.verification import RATE_LIMITED

    invocation = invocation_of(context)
    client = invocation.client
    try:
        reserved = client.reserve(
            typed_credential(credential), scopes=scope or [], cost=cost, costs=dict(costs or ()), ttl=ttl
        )
    except NotReserved as refused:
        print_object(refused.verification.document, invocation.view)
        code = refused.verification.code
        raise typer.Exit(COULD_NOT if code == RATE_LIMITED else REFUSED) from None
    print_object(reserved.verification.document, invocation.view)


def settle(
    context: typer.Context,
    reservation: Annotated[
        str,
        typer.Argument(parser=reservation_id, metavar="RESERVATION", help="Its ID: res_…", show_default=False),
    ],
    costs: Annotated[
        list[Any] | None,
        typer.Argument(parser=unit_cost, metavar="UNIT=N", help="What the work cost, by unit.", show_default=False),
    ] = None,
    cost: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="What the work cost in requests. Default: 1")
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give everything back: the work was not done.")] = False,
    extend: Annotated[
        int | None,
        typer.Option(
            min=1, max=_MAX_TTL_SECONDS, metavar="SECONDS", help="Keep it open for so long from now: the work goes on."
        ),
    ] = None,
) -> None:
    """Settle a reservation by what the work cost, or cancel or extend it. For example:
    latchkey settle res_x2k9d0a7q1mz_6yPq0cWmZt3LrB8uVfHs2A tokens=512

    What was reserved in a unit that isn't named is given back. Settling again changes nothing.
    """
    if [cancel, extend is not None, bool(costs) or cost is not None].count(True) != 1:
        raise typer.BadParameter("Say what the work cost, for example tokens=512, or --cancel it, or --extend it.")
    invocation = invocation_of(context)
    calls = invocation.client.reservations
    if cancel:
        calls.cancel(reservation)
        print_change({"reservation": reservation, "cancelled": True}, invocation.view, f"Cancelled {reservation}.")
    elif extend is not None:
        end = rfc3339(calls.extend(reservation, extend))
        done = f"{reservation} is open until {end}."
        print_change({"reservation": reservation, "expires_at": end}, invocation.view, done)
    else:
        settled = calls.settle(reservation, cost=1 if cost is None else cost, costs=dict(costs or ()))
        print_object(settled.document, invocation.view)
