"""Base class and helpers of the management commands about plans, owners and limits."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apikeys.cursor import DEFAULT_LIMIT, MAX_LIMIT
from apikeys.management.key_command import KeyCommand, limit_text
from apikeys.policies.service import PolicyService
from latchkey.cli.exit_codes import REFUSED
from latchkey.query import Query, parse_parameters
from latchkey.strict_json import MalformedJSON, loads

Row = Mapping[str, object]


class PolicyCommand(KeyCommand):
    """Management command about plans, owners or limits."""

    def policies(self) -> PolicyService:
        """Return the PolicyService for this command."""
        return PolicyService(self.origin())

    def show_page(
        self,
        options: Mapping[str, Any],
        query: Query,
        read: Callable[..., tuple[Sequence[Any], str | None]],
        as_json: Callable[[Any], dict[str, object]],
        as_row: Callable[[Row], Row],
    ) -> None:
        """Write one page of a list, from the options with the names of the parameters in `query`."""
        typed = ((parameter.name, options[parameter.name]) for parameter in query)
        found, following = read(**parse_parameters(((name, text) for name, text in typed if text is not None), query))
        items = [as_json(one) for one in found]
        self.show({"items": items, "next": following}, options, [as_row(item) for item in items])
        if following and options["format"] == "table":
            self.say(f"There are more. Repeat with the same filters and --cursor {following}")


def add_page_arguments(parser: CommandParser) -> None:
    """Add the arguments for a page of a list."""
    parser.add_argument("--limit", default=str(DEFAULT_LIMIT), help=f"1 to {MAX_LIMIT}, default {DEFAULT_LIMIT}")
    parser.add_argument("--cursor", help="cursor that an earlier page showed; repeat its filters")


def add_subject_arguments(parser: CommandParser) -> None:
    """Add the arguments for a key or an owner, one of which is required."""
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("key_id", nargs="?", help="a key")
    subject.add_argument("--owner", metavar="SLUG", help="an owner: the limits that its keys share")


def read_json(path: str) -> object:
    """Return the JSON document in a file, or that of standard input for `-`. Raises CommandError."""
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return loads(raw)
    except (OSError, MalformedJSON) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(f"{path}: {reason}", returncode=REFUSED) from None


def plan_rows(plan: Row) -> list[Row]:
    """Return the limits of a plan as rows of a table."""
    limits: Any = plan["limits"]
    return [
        {**{name: limit[name] for name in ("name", "unit", "mode", "shared")}, "amount": _amount_text(limit)}
        for limit in limits
    ]


def owner_row(owner: Row) -> Row:
    """Return an owner as a row of a table."""
    return {name: owner[name] for name in ("slug", "name", "plan", "period_anchor")}


def limit_rows(limits: Sequence[Row]) -> list[Row]:
    """Return the states of limits as rows of a table."""
    names = ("name", "unit", "mode", "shared", "limit", "used", "remaining", "resets_at")
    return [{name: limit[name] for name in names} for limit in limits]


def _amount_text(limit: Mapping[str, Any]) -> str:
    if "rate" in limit:
        return limit_text(limit["rate"])
    if "quota" in limit:
        quota = limit["quota"]
        return f"{quota['quota']} per {quota['per']} ({quota['timezone']})"
    return f"{limit['concurrency']} at the same time"
