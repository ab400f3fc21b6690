"""Validation of decoded JSON: returns clean values, or raises one error that lists every fault."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Final

from latchkey.blank_text import is_blank
from latchkey.problems import MAX_ERRORS, FieldError, ProblemError, field_pointer, limit_errors
from latchkey.secret_detection import REJECTION_MESSAGE, find_secrets
from latchkey.timestamps import parse_rfc3339, rfc3339, whole_second

MAX_TEXT: Final = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Rule = Callable[[object, datetime], object]
"""Function of a field's decoded value and the current time. It returns the clean value, or raises Rejected."""


class InvalidParameters(ProblemError):
    """A well-formed request that a rule rejects. `errors` lists every fault, up to MAX_ERRORS."""

    slug = "invalid-parameters"

    @classmethod
    def of(cls, faults: list[FieldError]) -> "InvalidParameters":
        """Return the error that lists `faults`. Its message has the first three."""
        listed = limit_errors(faults)
        return cls(" ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in listed[:3]), errors=listed)


class Rejected(Exception):
    """A value that breaks a rule. The pointers of `faults` are relative to the value."""

    def __init__(self, *faults: FieldError) -> None:
        super().__init__()
        self.faults = faults


def rejected(code: str, detail: str, pointer: str = "") -> Rejected:
    """Return the exception that rejects a value for one fault."""
    return Rejected(FieldError(pointer, code, detail))


def text(value: object, name: str, *, max_length: int = MAX_TEXT, allow_empty: bool = True) -> str:
    """Return a string of at most `max_length` characters without the white space around it.

    Return "" for a string without a visible character. Raises Rejected for any other value, for characters that
    control or change the direction of text, and for "" if `allow_empty` is False.
    """
    if not isinstance(value, str):
        raise rejected("not-a-string", f"{name} must be a string.")
    if _CONTROL.search(value):
        raise rejected(
            "control-character", f"{name} must not contain control characters, including those for text direction."
        )
    stripped = "" if is_blank(value) else value.strip()
    if len(stripped) > max_length:
        raise rejected("too-long", f"{name} must have at most {max_length} characters.")
    if not stripped and not allow_empty:
        raise rejected("empty", f"{name} must not be empty.")
    return stripped


def boolean(value: object, name: str) -> bool:
    """Return `value` if it's true or false. Raises Rejected."""
    if not isinstance(value, bool):
        raise rejected("not-a-boolean", f"{name} must be true or false.")
    return value


def integer(value: object, name: str, minimum: int, maximum: int) -> int:
    """Return `value` if it's a JSON integer from `minimum` to `maximum`. Raises Rejected."""
    # In Python, True and False are integers too.
    if isinstance(value, bool) or not isinstance(value, int):
        raise rejected("not-an-integer", f"{name} must be a JSON integer.")
    if not minimum <= value <= maximum:
        raise rejected("out-of-range", f"{name} must be from {minimum} to {maximum}.")
    return value


def parse_time(value: object) -> datetime:
    """Return the time that an RFC 3339 text with an offset names, in UTC. Raises Rejected."""
    try:
        return parse_rfc3339(value if isinstance(value, str) else "")
    except ValueError as error:
        raise rejected("not-a-time", str(error)) from None


def future(value: object, name: str, now: datetime) -> datetime:
    """Return a time after `now`, in whole seconds. Raises Rejected."""
    # Ends are shown in whole seconds, so they have to be stored that way.
    found = whole_second(value if isinstance(value, datetime) else parse_time(value))
    if found <= now:
        raise rejected("in-the-past", f"{name} must be in the future.")
    return found


def parse_whole_number(typed: str, name: str, minimum: int, maximum: int) -> int:
    """Return the number that a text in a query or a header names, from `minimum` to `maximum`. Raises Rejected."""
    # isdigit() alone also accepts digits of other scripts, and int() raises for very long texts.
    if typed.isascii() and typed.isdigit() and len(typed) < 20 and minimum <= int(typed) <= maximum:
        return int(typed)
    raise rejected("out-of-range", f"{name} must be a whole number from {minimum} to {maximum}.")


def without_unchanged(values: object, current: Mapping[str, object]) -> object:
    """Return the JSON object `values` without the fields that already have this value in `current`.

    In JSON 1, 1.0 and true are three values; a time is the same in every zone.
    """
    if not isinstance(values, Mapping):
        return values
    # Rules apply to changes. A client may write back everything it read, even a value that would be rejected today
    # because its time has passed or the rule is newer than the value.
    return {name: value for name, value in values.items() if not (name in current and _is_same(current[name], value))}


def _is_same(current: object, value: object) -> bool:
    if isinstance(current, datetime):
        try:
            return rfc3339(value if isinstance(value, datetime) else parse_time(value)) == rfc3339(current)
        except Rejected:
            return False
    # Compare the JSON texts: in Python 1, 1.0 and True are equal.
    return json.dumps(current, sort_keys=True, default=str) == json.dumps(value, sort_keys=True, default=str)


def clean(
    values: object,
    rules: Mapping[str, Rule],
    now: datetime,
    *,
    required: tuple[str, ...] = (),
    credentials: tuple[str, ...] = (),
) -> dict[str, object]:
    """Return the fields of the JSON object `values`, each as its rule returns it.

    The fields named in `credentials` aren't stored, so they may hold a secret.

    Raises InvalidParameters, which lists every fault with a JSON pointer, up to MAX_ERRORS: fields that are
    rejected by their rule, unknown fields, fields that hold a secret, and missing required fields. No fault
    repeats a value.
    """
    if not isinstance(values, Mapping):
        raise InvalidParameters(
            "The body is invalid.", errors=[FieldError("", "not-an-object", "The body must be a JSON object.")]
        )
    faults = [FieldError(f"/{name}", "missing", f"{name} is required.") for name in required if name not in values]
    cleaned: dict[str, object] = {}
    for name, value in values.items():
        # One fault more than the response lists is enough to say that there are more.
        if len(faults) > MAX_ERRORS:
            break
        pointer = field_pointer(name)
        rule = rules.get(name)
        if rule is None:
            known = ", ".join(rules)
            faults.append(FieldError(pointer, "unknown-member", f"The allowed fields are: {known}."))
            continue
        try:
            if name not in credentials:
                _reject_secrets(value)
            cleaned[name] = rule(value, now)
        except Rejected as rejection:
            faults.extend(fault.under(pointer) for fault in rejection.faults)
    if faults:
        raise InvalidParameters.of(faults)
    return cleaned


def _reject_secrets(value: object) -> None:
    """Raise Rejected if `value` holds a live secret."""
    found = islice(find_secrets(value), MAX_ERRORS + 1)
    if faults := [FieldError(pointer, "secret", REJECTION_MESSAGE) for pointer in found]:
        raise Rejected(*faults)
