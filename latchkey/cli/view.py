"""How results are shown: the format, and which of their fields in which order."""

from dataclasses import dataclass
from enum import StrEnum

from latchkey.cli.errors import CLIError


class Format(StrEnum):
    """Format of a result."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class View:
    """How results are shown. Empty `columns` are the usual ones, an empty `sort` is the order of the server.

    `sort` is the name of a column, behind a hyphen for descending order. `jq` is an expression that the JSON is sent
    through. Raises CLIError for a combination that means nothing.
    """

    format: Format = Format.TABLE
    columns: tuple[str, ...] = ()
    sort: str = ""
    jq: str = ""

    def __post_init__(self) -> None:
        if self.jq and self.format is not Format.JSON:
            raise _unusable("--jq filters JSON", "Use it without --output, or with --output json.")
        if self.columns and self.format not in (Format.TABLE, Format.CSV):
            raise _unusable("--columns chooses the columns of a table", "Use it with --output table or csv.")

    @property
    def is_table(self) -> bool:
        """Return whether the result is for a person."""
        return self.format is Format.TABLE


def _unusable(detail: str, remedy: str) -> CLIError:
    return CLIError("These options can't be used together", f"{detail}.", remedy)
