"""Parameters of commands, and how they are typed: key IDs, times, time spans, limits, JSON."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from latchkey.cli.completions import complete_key_ids
from latchkey.cli.invocation import Invocation
from latchkey.cli.key_ids import STANDARD_INPUT
from latchkey.cli.rate import parse_rate
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.duration import parse_duration, time_or_span_ago, time_or_span_ahead
from latchkey.strict_json import MalformedJSON, loads

if TYPE_CHECKING:
    from latchkey.client.keys import KeyValues

# As in latchkey.client.webhooks, which loads httpx.
_RESERVATION_ID: Final = re.compile(r"res_[0-9A-Za-z_]{1,64}")
_UNIT_COST: Final = re.compile(r"([a-z0-9_-]{1,32})=([0-9]{1,16})")
_WEBHOOK_ID: Final = re.compile(r"wh_[0-9a-z]{12}")


def span(text: str) -> timedelta:
    """Return a time span, as in 90d. Raises BadParameter."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def time_ago(text: str) -> datetime:
    """Return a time: RFC 3339, or a span before now. Raises BadParameter."""
    return _typed(text, time_or_span_ago)


def time_ahead(text: str) -> datetime:
    """Return a time: RFC 3339, or a span from now. Raises BadParameter."""
    return _typed(text, time_or_span_ahead)


def _typed(text: str, parse: Callable[[str, datetime], datetime]) -> datetime:
    try:
        return parse(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def key_id(text: str) -> str:
    """Return the key ID `text`. Raises BadParameter."""
    # A whole credential may have been typed, so the message never repeats it.
    if not KEY_ID_PATTERN.fullmatch(text):
        raise typer.BadParameter("a key ID must be lk_ and 12 characters of 0-9 and a-z, without the secret")
    return text


def unit_cost(text: str) -> tuple[str, int]:
    """Return the unit and the number of a cost, as in tokens=350. Raises BadParameter."""
    match = _UNIT_COST.fullmatch(text)
    if match is None:
        raise typer.BadParameter("must be a unit, = and a number, for example tokens=350")
    return match[1], int(match[2])


def reservation_id(text: str) -> str:
    """Return the ID `text` of a reservation. Raises BadParameter."""
    # A credential may have been typed, so the message never repeats it.
    if not _RESERVATION_ID.fullmatch(text):
        raise typer.BadParameter("a reservation's ID must be res_ and letters, digits or _, as 'reserve' shows it")
    return text


def webhook_id(text: str) -> str:
    """Return the webhook ID `text`. Raises BadParameter."""
    # A signing secret may have been typed, so the message never repeats it.
    if not _WEBHOOK_ID.fullmatch(text):
        raise typer.BadParameter("a webhook ID must be wh_ and 12 characters of 0-9 and a-z")
    return text


def etag(text: str) -> str:
    """Return an ETag with its quotes, which may be missing because a shell removes them. Raises BadParameter."""
    # `*` matches every state, so the change would be unconditional.
    if text == "*" or not text.isascii() or not text.isprintable():
        raise typer.BadParameter("an ETag must be the etag that 'show' shows")
    return text if '"' in text else f'"{text}"'


def json_object(text: str) -> Any:
    """Return a JSON object. Raises BadParameter."""
    try:
        value = loads(text)
    except MalformedJSON:
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter('must be a JSON object, for example \'{"team": "payments"}\'')
    return value


def rate_limit_of(
    burst: int | None, per_seconds: int | None, typed_rate: tuple[int, int] | None, *, unlimited: bool
) -> "KeyValues":
    """Return the field `rate_limit` that was typed, or no field if none was. Raises BadParameter."""
    in_parts = burst is not None or per_seconds is not None
    if in_parts + (typed_rate is not None) + unlimited > 1:
        raise typer.BadParameter("Use --rate alone, or --burst and --per-seconds together, or --unlimited alone.")
    if unlimited:
        return {"rate_limit": None}
    if typed_rate is not None:
        burst, per_seconds = typed_rate
    elif not in_parts:
        return {}
    if burst is None or per_seconds is None:
        raise typer.BadParameter("Use --burst and --per-seconds together.")
    # Imported late, like all of the client: `--help` doesn't need it.
    from latchkey.client.rate_limit import RateLimit

    return {"rate_limit": RateLimit(burst, per_seconds)}


def rate(text: str) -> tuple[int, int]:
    """Return the burst and the seconds of a rate. Raises BadParameter."""
    try:
        return parse_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def key_id_or_input(text: str) -> str:
    """Return the key ID `text`, or `-`. Raises BadParameter."""
    return text if text == STANDARD_INPUT else key_id(text)


def invocation_of(context: typer.Context) -> Invocation:
    """Return the run that this command belongs to, and set the command's whole name on it."""
    invocation = context.find_object(Invocation)
    if invocation is None:
        raise TypeError("the command runs without main()")
    invocation.command = context.command_path.removeprefix("latchkey ")
    return invocation


AtOnce: TypeAlias = Annotated[
    bool, typer.Option("--at-once", help="End every older secret immediately, for example after a leak. Asks first.")
]
KeyId: TypeAlias = Annotated[
    str, typer.Argument(parser=key_id, metavar="KEY_ID", show_default=False, autocompletion=complete_key_ids)
]
KeyIds: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        parser=key_id_or_input,
        metavar="KEY_ID...",
        help="IDs of keys; - reads them from standard input.",
        show_default=False,
        autocompletion=complete_key_ids,
    ),
]
IfMatch: TypeAlias = Annotated[
    str | None,
    typer.Option(
        parser=etag,
        metavar="ETAG",
        help="Change the key only if this is still its etag (see 'keys show'). Otherwise exit 2.",
    ),
]
WebhookId: TypeAlias = Annotated[str, typer.Argument(parser=webhook_id, metavar="WEBHOOK_ID", show_default=False)]
WebhookIfMatch: TypeAlias = Annotated[
    str | None,
    typer.Option(
        parser=etag,
        metavar="ETAG",
        help="Change the webhook only if this is still its etag (see 'webhooks show'). Otherwise exit 2.",
    ),
]
KeyIdOrOwn: TypeAlias = Annotated[
    str | None, typer.Argument(parser=key_id, metavar="KEY_ID", show_default=False, autocompletion=complete_key_ids)
]
OptionalKeyId: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--key", parser=key_id, metavar="KEY_ID", help="Only events of this key.", autocompletion=complete_key_ids
    ),
]
Owner: TypeAlias = Annotated[str | None, typer.Option(metavar="OWNER", help="Who is responsible for the key.")]
Burst: TypeAlias = Annotated[int | None, typer.Option(metavar="B", help="Tokens in a full bucket, 1 to 1000000.")]
PerSeconds: TypeAlias = Annotated[int | None, typer.Option(metavar="S", help="Refill period in seconds, 1 to 2678400.")]
Rate: TypeAlias = Annotated[
    Any, typer.Option(parser=rate, metavar="B/PERIOD", help="Both in one: 60/min, 10/s, 1000/5m, 5000/day.")
]
Unlimited: TypeAlias = Annotated[
    bool, typer.Option("--unlimited", help="No rate limit. Without a plan, this opens an incident.")
]
ExpiresIn: TypeAlias = Annotated[
    datetime | None,
    typer.Option(parser=time_ahead, metavar="SPAN|TIME", help="When the key expires: 90d, or 2027-01-31T09:30:00Z."),
]
Metadata: TypeAlias = Annotated[
    Any, typer.Option(parser=json_object, metavar="JSON", help="A JSON object of your own, stored with the key.")
]
SecretFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the secret to this new file, mode 0600, instead of standard output."),
]
