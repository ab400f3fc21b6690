"""Types of arguments of commands. What they raise is shown to the person who typed."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta

from latchkey.duration import parse_duration


def whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Return a parser of whole numbers from `least` to `most`, or of all. It raises ArgumentTypeError."""
    bounds = "" if least is None else f" from {least} to {most}"

    def parse(text: str) -> int:
        if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20:
            number = int(text)
            if (least is None or number >= least) and (most is None or number <= most):
                return number
        raise ArgumentTypeError(f"it must be a whole number{bounds}")

    return parse


def duration(text: str) -> timedelta:
    """Return a time span as typed: 90d, 12h, 30m, 45s or 2w. Raises ArgumentTypeError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
