"""Limits of a plan from options or from a file with its JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import typer

from latchkey.cli.errors import CLIError
from latchkey.cli.json_file import read_json_object
from latchkey.cli.limit_grammar import (
    TypedLimit,
    parse_concurrency_limit,
    parse_quota_limit,
    parse_rate_limit,
)

FILE_EXAMPLE: Final = (
    '{"limits": [{"name": "per_second", "unit": "requests", "mode": "enforce", "shared": "key", '
    '"rate": {"burst": 100, "per_seconds": 1}}]}'
)
_FIELDS: Final = ("name", "limits")


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """What was typed about the limits of a plan: limits, or a file with all of them."""

    typed: Sequence[TypedLimit]
    file: str | None

    @classmethod
    def of(
        cls,
        rate: Sequence[TypedLimit] | None,
        quota: Sequence[TypedLimit] | None,
        concurrency: Sequence[TypedLimit] | None,
        file: str | None,
    ) -> "LimitOptions":
        """Return the options. Raises BadParameter for a name that occurs twice, and for a file together with limits."""
        typed = [*(rate or ()), *(quota or ()), *(concurrency or ())]
        names = [limit.name for limit in typed]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise typer.BadParameter(f"The limit {twice} is typed twice. Names are unique within a plan.")
        if typed and file is not None:
            raise typer.BadParameter("--file can't be used with --rate, --quota or --concurrency.")
        return cls(typed, file)

    def __bool__(self) -> bool:
        return bool(self.typed) or self.file is not None

    def all(self, plan: str) -> list[Any]:
        """Return all limits of a plan, as JSON. Raises CLIError."""
        return [limit.as_json() for limit in self.typed] if self.file is None else _in_file(self.file, plan)

    def merged(self, current: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return the `current` limits of a plan with those that were typed in their places, and new ones at the end."""
        typed = {limit.name: limit for limit in self.typed}
        kept = [typed.pop(limit["name"]).as_json(limit) if limit["name"] in typed else dict(limit) for limit in current]
        return [*kept, *(limit.as_json() for limit in typed.values())]


def _in_file(file: str, plan: str) -> list[Any]:
    document = read_json_object(file)
    limits, name = document.get("limits"), document.get("name", plan)
    unknown = [field for field in document if field not in _FIELDS]
    if not isinstance(limits, list) or unknown:
        detail = f"It has the unknown field {unknown[0]!r}." if unknown else "It has no list of limits."
        raise CLIError("Not the JSON of a plan", detail, f"Write, for example: {FILE_EXAMPLE}")
    # The file may be that of another plan, shown by `plans show --output json`.
    if name != plan:
        detail = f"The file is for a plan with another name than {plan}. Nothing was changed."
        raise CLIError("Another plan", detail, "Change the field name in the file, or remove it.")
    return limits


def _parser(parse: Callable[[str], TypedLimit]) -> Callable[[str], TypedLimit]:
    def parsed(text: str) -> TypedLimit:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


Rates: TypeAlias = Annotated[
    list[Any] | None,
    typer.Option(
        "--rate",
        parser=_parser(parse_rate_limit),
        metavar="NAME=N/PERIOD[,SETTING...]",
        help="A rate: per_second=100/1s, or tokens=50000/m,unit=tokens,shared=owner. Settings: unit=UNIT, "
        "shared=key|owner, enforce|observe. Can be repeated.",
    ),
]
Quotas: TypeAlias = Annotated[
    list[Any] | None,
    typer.Option(
        "--quota",
        parser=_parser(parse_quota_limit),
        metavar="NAME=N/PERIOD[,SETTING...]",
        help="A quota per hour, day, week, month, or once: monthly=1000000/month,shared=owner. Settings: those of a "
        "rate, timezone=ZONE, calendar|anchor. Can be repeated.",
    ),
]
Concurrencies: TypeAlias = Annotated[
    list[Any] | None,
    typer.Option(
        "--concurrency",
        parser=_parser(parse_concurrency_limit),
        metavar="NAME=N[,SETTING...]",
        help="A number of reservations at the same time: streams=5. Settings: those of a rate. Can be repeated.",
    ),
]
PlanFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--file", metavar="FILE", help="All limits as JSON, as 'plans show -o json' has them; - reads "
                 "standard input."),
]  # fmt: skip
