"""Rate limit type, and the only code that decides whether a JSON value is a valid rate limit."""

from dataclasses import dataclass, field
from math import gcd
from typing import Final

from latchkey.problems import MAX_ERRORS, FieldError, field_pointer, limit_errors
from latchkey.strict_json import MalformedJSON, loads

MAX_BURST: Final = 1_000_000
MAX_PLAN_BURST: Final = 1_000_000_000
"""The largest burst of a plan's rate, which may count other units than requests."""
# 31 days
MAX_PER_SECONDS: Final = 2_678_400
NS_PER_SECOND: Final = 1_000_000_000

_FIELDS: Final = ("burst", "per_seconds")


class LimitError(ValueError):
    """Error: a value is not a valid rate limit. `errors` has one entry per fault, with a JSON pointer into the
    value.
    """

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        errors = limit_errors(errors)
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.detail}" for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit: `burst` tokens (1 to 1,000,000,000), refilled evenly over `per_seconds` (1 to 2,678,400).

    The bucket counts in ticks. A tick is the largest fraction of a nanosecond for which every token costs a whole
    number. One nanosecond has `ticks` ticks (1 to burst), one token costs `price` ticks and a full bucket is worth
    `capacity` = burst x price ticks, so no division ever rounds (ADR 3). `code` is the limit as one 64-bit
    integer, for a store's record.
    """

    burst: int
    per_seconds: int
    ticks: int = field(init=False, repr=False, compare=False)
    price: int = field(init=False, repr=False, compare=False)
    capacity: int = field(init=False, repr=False, compare=False)
    code: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, maximum in _bounds(MAX_PLAN_BURST).items():
            if not 1 <= getattr(self, name) <= maximum:
                raise ValueError(f"{name} must be from 1 to {maximum}")
        period_ns = self.per_seconds * NS_PER_SECOND
        divisor = gcd(self.burst, period_ns)
        # Computed once for each limit, not for each request. A frozen dataclass has to bypass its own
        # `__setattr__`.
        object.__setattr__(self, "ticks", self.burst // divisor)
        object.__setattr__(self, "price", period_ns // divisor)
        object.__setattr__(self, "capacity", self.burst * self.price)
        object.__setattr__(self, "code", self.burst << 32 | self.per_seconds)

    @classmethod
    def from_code(cls, code: int) -> "Limit":
        """Return the limit that `code` encodes. Raises ValueError if there is none."""
        return cls(code >> 32, code & 0xFFFF_FFFF)

    def as_json(self) -> dict[str, int]:
        """Return the limit as the API and the database represent it."""
        return {"burst": self.burst, "per_seconds": self.per_seconds}


class CostExceedsBurst(ValueError):
    """Error: a request asks for more tokens than its bucket can ever hold, so waiting would not help."""

    def __init__(self, cost: int, limit: Limit) -> None:
        super().__init__(f"cost {cost} is more than the bucket's burst of {limit.burst}")
        self.cost = cost
        self.burst = limit.burst


def _bounds(max_burst: int) -> dict[str, int]:
    """Return the largest value of each field."""
    return dict(zip(_FIELDS, (max_burst, MAX_PER_SECONDS), strict=True))


def _check_field(value: dict[object, object], name: str, maximum: int) -> FieldError | None:
    """Return the fault of the field `name` of `value`, or None if it is valid."""
    pointer = f"/{name}"
    if name not in value:
        return FieldError(pointer, "missing", f"{name} is required.")
    field_value = value[name]
    # In Python a bool is an int, so true would count as 1.
    if isinstance(field_value, bool) or not isinstance(field_value, int):
        return FieldError(pointer, "not-an-integer", f"{name} must be a JSON integer.")
    if not 1 <= field_value <= maximum:
        return FieldError(pointer, "out-of-range", f"{name} must be from 1 to {maximum}.")
    return None


def parse_limit(value: object, max_burst: int = MAX_BURST) -> Limit | None:
    """Return the limit that a decoded JSON value represents; None (JSON null) is unlimited.

    A limit has exactly two fields, `burst` (1 to `max_burst`) and `per_seconds`, both JSON integers in range.
    Booleans, floats (also 1.0) and numeric strings are rejected. Raises LimitError with all faults, up to MAX_ERRORS.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        fault = FieldError(
            "", "not-an-object", 'A rate limit must be {"burst": n, "per_seconds": n}, or null for unlimited.'
        )
        raise LimitError((fault,))
    errors = [error for name, maximum in _bounds(max_burst).items() if (error := _check_field(value, name, maximum))]
    for name in value:
        # A request body can hold many thousand unknown fields; don't build an error for each.
        if len(errors) > MAX_ERRORS:
            break
        if name not in _FIELDS:
            detail = "Only burst and per_seconds are allowed."
            errors.append(FieldError(field_pointer(name), "unknown-member", detail))
    if errors:
        raise LimitError(tuple(errors))
    return Limit(value["burst"], value["per_seconds"])


def parse_limit_text(text: str) -> Limit | None:
    """Return the limit that a JSON text represents, as an operator writes it in a setting. Raises LimitError."""
    try:
        value = loads(text)
    except MalformedJSON as error:
        raise LimitError((FieldError("", "malformed-json", str(error)),)) from None
    return parse_limit(value)
