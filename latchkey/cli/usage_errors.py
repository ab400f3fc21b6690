"""Usage errors: what was typed wrong, in our own words. The library that checks values doesn't concern the reader."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from latchkey.redaction import redact

if TYPE_CHECKING:
    from typer import TyperException

_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number with fewer digits",
    "float_parsing": "must be a number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}
_NO_SUCH_COMMAND: Final = re.compile(r"No such command '(.*)'\.")
# Words for the same in other tools. typer itself suggests names that are spelled alike.
_SYNONYMS: Final = (
    ("create", "add", "grant", "issue", "new", "generate", "make"),
    ("revoke", "remove", "end", "delete", "del", "rm", "destroy"),
    ("update", "edit", "set", "change", "patch", "modify"),
    ("show", "get", "describe", "info", "inspect", "view"),
    ("list", "ls", "all"),
    ("rotate", "rotate-secret", "renew", "roll", "regenerate"),
)
_OTHER: Final = "this value is invalid"


def usage_error_message(error: "TyperException") -> str:
    """Return the lines for standard error."""
    if (description := _describe(error.__cause__)) is not None:
        error.message = description
    # An argument may hold a secret, and the message may repeat arguments.
    text = redact(error.format_message())
    # A group without a command already shows which commands it has.
    if text.startswith("Usage: "):
        return text
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "latchkey"
    return f"latchkey: {text}{_synonym(text, context)}\nWhat to do: see '{command} --help'."


def _synonym(text: str, context: Any) -> str:
    """Return a suggestion if what was typed is another word for a command of the group, or an empty string."""
    match = _NO_SUCH_COMMAND.fullmatch(text)
    words = next((words for words in _SYNONYMS if match and match[1] in words), ())
    known = getattr(getattr(context, "command", None), "commands", {})
    found = [word for word in words if word in known]
    return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""


def _describe(cause: object) -> str | None:
    """Return what is wrong with a value that pydantic rejected, or None if the error isn't from pydantic."""
    errors = getattr(cause, "errors", None)
    if not callable(errors):
        return None
    first: Mapping[str, Any] = errors(include_url=False, include_input=False)[0]
    context = first.get("ctx", {})
    if first["type"] == "value_error":
        return str(context["error"])
    return _DESCRIPTIONS.get(first["type"], _OTHER).format(
        **{name: _without_fraction(value) for name, value in context.items()}
    )


def _without_fraction(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
