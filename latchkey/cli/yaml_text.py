"""JSON values as YAML in block style. Every text that could mean something else is in quotes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

# A text of this shape is a text in every version of YAML, unless it's one of the words below.
_PLAIN: Final = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./*-]|:(?=[^ ])| (?=[A-Za-z0-9(]))*(?<![:./*-])")
_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


def yaml_text(value: object) -> str:
    """Return a value of JSON as a YAML document, without a line end."""
    return "\n".join(_lines(value))


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, field in value.items():
            yield from _entry(f"{_scalar(str(name))}:", field, "  ")
    elif isinstance(value, (list, tuple)) and value:
        for element in value:
            yield from _entry("-", element, "  ")
    else:
        yield _scalar(value)


def _entry(start: str, value: object, indent: str) -> Iterator[str]:
    """Yield the lines of a value behind `start`."""
    if not (isinstance(value, (Mapping, list, tuple)) and value):
        yield f"{start} {_scalar(value)}"
        return
    lines = _lines(value)
    if start == "-":
        # The first line of a block in a list is on the line of its hyphen.
        yield f"- {next(lines)}"
    else:
        yield start
    for line in lines:
        yield indent + line


def _scalar(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # YAML has the escapes of JSON, and allows no character that can't be printed.
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else _escape(character) for character in quoted)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
