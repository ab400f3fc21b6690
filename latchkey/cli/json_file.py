"""JSON object from a file or standard input."""

import sys
from pathlib import Path
from typing import Any

from latchkey.cli.api_key import STANDARD_INPUT
from latchkey.cli.errors import CLIError
from latchkey.strict_json import MAX_BYTES, MalformedJSON, loads


def read_json_object(file: str) -> dict[str, Any]:
    """Return the JSON object in `file`, or on standard input if it's `-`. Raises CLIError."""
    where = "standard input" if file == STANDARD_INPUT else file
    try:
        value = loads(_read(file))
    except OSError as error:
        raise CLIError("The file cannot be read", f"{where}: {error.strerror}.", "Check the path.") from None
    except MalformedJSON as error:
        raise CLIError("Not a JSON document", f"{where}: {error}", "Fix it and try again.") from None
    if not isinstance(value, dict):
        raise CLIError("Not a JSON object", f"{where} has JSON of another type.", "Begin it with { and end it with }.")
    return value


def _read(file: str) -> bytes:
    # The server accepts no larger body, so the rest of a longer file is never needed.
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as opened:
        return opened.read(MAX_BYTES + 1)
