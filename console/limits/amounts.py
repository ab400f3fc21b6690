"""Amounts in forms: whole numbers as people write them, and what a limit of each kind allows."""

import re
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from ratelimit.plan_limit import PlanLimit

_SEPARATORS: Final = re.compile(r"(?<=[0-9])[ ,_'\u00a0\u202f](?=[0-9]{3})")
_LONG_NUMBER: Final = re.compile(r"\b[0-9]{4,18}\b")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


class WholeNumberField(forms.Field):
    """A field for a whole number, with or without separators: 1000000 or 1,000,000."""

    def __init__(self, **options: Any) -> None:
        # No number box: those of browsers reject separators, and change the number when somebody scrolls.
        box = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "maxlength": 30})
        super().__init__(widget=box, **options)

    def prepare_value(self, value: Any) -> Any:
        return f"{value:,}" if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        plain = _SEPARATORS.sub("", str(value or "").strip())
        if not plain:
            return None
        if not _DIGITS.fullmatch(plain):
            raise ValidationError("Enter a whole number, for example 1,000,000.", code="not-a-number")
        return int(plain)


def in_own_words(detail: str, field: str, label: str) -> str:
    """Return an error's text that begins with a field of the API with the label of the form instead."""
    return f"{label}{detail.removeprefix(field)}" if detail.startswith(f"{field} ") else detail


def with_separators(detail: str) -> str:
    """Return an error's text with its numbers as people write them."""
    return _LONG_NUMBER.sub(lambda match: f"{int(match[0]):,}", detail)


def amount_of(limit: PlanLimit) -> int:
    """Return how many units the limit allows: its burst, its quota, or its slots."""
    if limit.rate is not None:
        return limit.rate.burst
    return limit.quota.quota if limit.quota is not None else limit.concurrency or 0
