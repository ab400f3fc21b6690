"""Options that every command has: the server to call, the key, and how to show the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final


class Format(StrEnum):
    """Format of a result."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Options:
    """Options as typed or from the environment; None if neither sets one.

    `key_from_command_line`: the key was given on the command line.
    """

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    key_from_command_line: bool = False
    api_key_header: str | None = None
    timeout: float | None = None
    format: Format | None = None
    profile: str | None = None
    config: Path | None = None
    wait: bool = False
    verbose: bool = False


_WITH_VALUE: Final = (
    "--url",
    "--api-key",
    "--api-key-header",
    "--timeout",
    "--format",
    "--profile",
    "--config",
    "--request-id",
)
# --wait isn't here: `keys rotate` has an option of its own with this name.
_FLAGS: Final = ("--verbose",)


def move_general_options_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the general options moved before the command: they may be typed anywhere up to `--`."""
    general: list[str] = []
    rest: list[str] = []
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        if argument == "--":
            return [*general, *rest, argument, *remaining]
        if argument in _FLAGS or argument.partition("=")[0] in _WITH_VALUE:
            general.append(argument)
            if argument in _WITH_VALUE and remaining:
                general.append(remaining.pop(0))
        else:
            rest.append(argument)
    return [*general, *rest]
