"""JSON as RFC 8259 and I-JSON mean it: UTF-8, each member once, finite numbers, bounded depth."""

import json
import re
from typing import Final, NoReturn

MAX_BYTES: Final = 65_536
"""The size of a request's body, for every door that reads one; `loads` itself reads what it is given."""

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 4000

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{\]}])', re.DOTALL)


class MalformedJSON(ValueError):
    """The text is not JSON that can be acted on; the message says why and repeats none of it."""


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJSON("NaN and Infinity are not JSON.")


def _finite(literal: str) -> float:
    number = float(literal)
    if number in (float("inf"), float("-inf")):
        raise MalformedJSON("A number is too large.")
    return number


def _integer(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise MalformedJSON("A number is too large.")
    return int(literal)


def _members_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJSON("An object names the same member twice.")
    return members


def _check_text(value: object) -> None:
    """Refuses lone surrogates and NUL, which no database stores."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedJSON("A string holds a NUL or half a surrogate pair.")
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_text(name)
            _check_text(member)
    elif isinstance(value, list):
        for element in value:
            _check_text(element)


def _check_depth(text: str) -> None:
    """Refuses nesting below MAX_DEPTH before the parser recurses into it."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        bracket = token.group(1)
        if bracket in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedJSON(f"The document is nested deeper than {MAX_DEPTH} levels.")
        elif bracket:
            depth -= 1


def loads(document: bytes | str) -> object:
    """The value of one JSON document.

    Raises MalformedJSON for text that is not UTF-8 or not JSON, a member named twice, NaN, Infinity or a number
    that overflows, nesting below MAX_DEPTH, and strings that no database can hold.
    """
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
    except UnicodeDecodeError:
        raise MalformedJSON("The text is not UTF-8.") from None
    _check_depth(text)
    try:
        value: object = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_members_once,
        )
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"Not JSON at line {error.lineno}, column {error.colno}.") from None
    _check_text(value)
    return value
