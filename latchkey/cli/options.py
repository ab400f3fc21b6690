"""Options that every command has: the server to call, the key, and how to show the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latchkey.cli.view import Format


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
    columns: tuple[str, ...] = ()
    sort: str = ""
    jq: str = ""


_WITH_VALUE: Final = (
    "--url",
    "--api-key",
    "--api-key-header",
    "--timeout",
    "--output",
    "-o",
    "--format",
    "--columns",
    "--sort",
    "--jq",
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
        elif argument.startswith("-o") and argument[2:] in tuple(Format):
            # The short option with its value attached, as in -ojson.
            general.append(argument)
        else:
            rest.append(argument)
    return [*general, *rest]
