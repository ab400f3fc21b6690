"""Argument types for argparse commands. Their error messages are shown to the person who typed the argument."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta

from latchkey.duration import parse_duration


def whole_number(minimum: int | None = None, maximum: int | None = None) -> Callable[[str], int]:
    """Return a parser of whole numbers from `minimum` to `maximum`, or of any whole number if both are None.

    The parser raises ArgumentTypeError.
    """
    bounds = "" if minimum is None else f" from {minimum} to {maximum}"

    def parse(text: str) -> int:
        # isdigit() alone also accepts digits of other scripts, and int() raises for very long texts.
        if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20:
            number = int(text)
            if (minimum is None or number >= minimum) and (maximum is None or number <= maximum):
                return number
        raise ArgumentTypeError(f"must be a whole number{bounds}")

    return parse


def duration(text: str) -> timedelta:
    """Return the time span that `text` names, as in 90d, 12h, 30m, 45s or 2w. Raises ArgumentTypeError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
