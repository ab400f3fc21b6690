"""Validation: decoded JSON in; clean values out, or every fault at once."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from latchkey.problems import FieldError, ProblemError

MAX_TEXT: Final = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII)

Rule = Callable[[object, datetime], object]
"""Makes a member's clean value of the decoded one and of the time, or raises Refused."""


class InvalidParameters(ProblemError):
    """Well-formed, but refused by a rule; `errors` names every fault at once."""

    slug = "invalid-parameters"

    @classmethod
    def of(cls, faults: list[FieldError]) -> "InvalidParameters":
        """The error that names `faults`, and the first of them in its text."""
        return cls(" ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults[:3]), errors=faults)


class Refused(Exception):
    """A value breaks a rule; `faults` are relative to the value."""

    def __init__(self, *faults: FieldError) -> None:
        super().__init__()
        self.faults = faults


def refused(code: str, detail: str, pointer: str = "") -> Refused:
    """The refusal of a value for one fault."""
    return Refused(FieldError(pointer, code, detail))


def text(value: object, name: str, *, longest: int = MAX_TEXT, empty: bool = True) -> str:
    """A string of at most `longest` characters, none of which controls or turns text, without white space around it."""
    if not isinstance(value, str):
        raise refused("not-a-string", f"{name} must be a string.")
    if _CONTROL.search(value):
        raise refused("control-character", f"{name} must hold no characters that control or turn text.")
    stripped = value.strip()
    if len(stripped) > longest:
        raise refused("too-long", f"{name} must have at most {longest} characters.")
    if not stripped and not empty:
        raise refused("empty", f"{name} must not be empty.")
    return stripped


def boolean(value: object, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refused("not-a-boolean", f"{name} must be true or false.")
    return value


def integer(value: object, name: str, least: int, most: int) -> int:
    """A JSON integer from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused("not-an-integer", f"{name} must be a JSON integer.")
    if not least <= value <= most:
        raise refused("out-of-range", f"{name} must be from {least} to {most}.")
    return value


def moment(value: object) -> datetime:
    """The moment that an RFC 3339 text with an offset tells, in UTC."""
    try:
        if isinstance(value, str) and _RFC3339.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise refused("not-a-time", "A time is written as in 2027-01-31T09:30:00Z, with its offset (RFC 3339).")


def future(value: object, name: str, now: datetime) -> datetime:
    """A moment after `now`."""
    found = value if isinstance(value, datetime) else moment(value)
    if found <= now:
        raise refused("in-the-past", f"{name} must lie in the future.")
    return found


def whole_number(typed: str, name: str, least: int, most: int) -> int:
    """The number in a query's text, from `least` to `most`."""
    if typed.isascii() and typed.isdigit() and len(typed) < 20 and least <= int(typed) <= most:
        return int(typed)
    raise refused("out-of-range", f"{name} is a whole number from {least} to {most}.", f"/{name}")


def clean(
    values: object, rules: Mapping[str, Rule], now: datetime, *, required: tuple[str, ...] = ()
) -> dict[str, object]:
    """The members of the JSON object `values`, each as its rule makes it.

    Raises InvalidParameters that names every fault with a JSON pointer: members refused by their rule, unknown ones,
    and required ones that are missing. No fault repeats a value.
    """
    if not isinstance(values, Mapping):
        raise InvalidParameters(
            "The body is refused.", errors=[FieldError("", "not-an-object", "The body must be a JSON object.")]
        )
    faults = [FieldError(f"/{name}", "missing", f"{name} is required.") for name in required if name not in values]
    cleaned: dict[str, object] = {}
    for name, value in values.items():
        pointer = "/" + str(name).replace("~", "~0").replace("/", "~1")
        rule = rules.get(name)
        if rule is None:
            known = ", ".join(rules)
            faults.append(FieldError(pointer, "unknown-member", f"The members are: {known}."))
            continue
        try:
            cleaned[name] = rule(value, now)
        except Refused as refusal:
            faults.extend(fault.under(pointer) for fault in refusal.faults)
    if faults:
        raise InvalidParameters.of(faults)
    return cleaned
