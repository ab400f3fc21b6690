"""JSON as RFC 8259 and I-JSON define it: UTF-8, each field once, finite numbers, bounded depth."""

import json
import re
from typing import Final, NoReturn

MAX_BYTES: Final = 65_536
"""Maximum size of a request's body, for every endpoint that reads one. `loads` itself has no such limit."""

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 4000

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{\]}])', re.DOTALL)

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class MalformedJSON(ValueError):
    """Text that isn't JSON or can't be acted on. The message says why and repeats none of the text."""


def _reject_constant(_name: str) -> NoReturn:
    raise MalformedJSON("NaN and Infinity are not JSON.")


def _finite(literal: str) -> float:
    number = float(literal)
    if number in (float("inf"), float("-inf")):
        raise MalformedJSON("A number is too large.")
    return number


def _integer(literal: str) -> int:
    # int() raises a plain ValueError for literals that are much longer.
    if len(literal) > MAX_DIGITS:
        raise MalformedJSON("A number is too large.")
    return int(literal)


def _unique_fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    # The json module would silently keep the last of two fields with one name.
    if len(fields) != len(pairs):
        raise MalformedJSON("An object has the same field twice.")
    return fields


def _check_text(value: object) -> None:
    """Raise MalformedJSON for lone surrogates and NUL. No database stores them."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise MalformedJSON("A string contains a NUL or half a surrogate pair.")
    elif isinstance(value, dict):
        for name, field_value in value.items():
            _check_text(name)
            _check_text(field_value)
    elif isinstance(value, list):
        for element in value:
            _check_text(element)


def _check_depth(text: str) -> None:
    """Raise MalformedJSON if the nesting is deeper than MAX_DEPTH."""
    # Most documents have too few brackets, whatever their order.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    # Count the brackets before parsing: the parser recurses once for each level.
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        bracket = token.group(1)
        if bracket in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedJSON(f"The document is nested deeper than {MAX_DEPTH} levels.")
        elif bracket:
            depth -= 1


_decoder = json.JSONDecoder(
    parse_constant=_reject_constant,
    parse_float=_finite,
    parse_int=_integer,
    object_pairs_hook=_unique_fields,
)


def loads(document: bytes | str) -> object:
    """Return the value of one JSON document.

    Raises MalformedJSON for text that isn't UTF-8 or isn't JSON, a field that occurs twice, NaN, Infinity or a
    number that overflows, nesting below MAX_DEPTH, and strings that no database can hold.
    """
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
    except UnicodeDecodeError:
        raise MalformedJSON("The text is not UTF-8.") from None
    _check_depth(text)
    try:
        value: object = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"Not JSON at line {error.lineno}, column {error.colno}.") from None
    # In UTF-8, neither character can occur without an escape: the parser rejects a NUL, the decoder a surrogate.
    if "\\" in text or not isinstance(document, bytes):
        _check_text(value)
    return value
