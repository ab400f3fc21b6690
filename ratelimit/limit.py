"""A rate limit, and the one place that decides whether a JSON value is one."""

from dataclasses import dataclass, field
from math import gcd
from typing import Final

from latchkey.problems import MAX_ERRORS, FieldError, bounded, member_pointer
from latchkey.strict_json import MalformedJSON, loads

MAX_BURST: Final = 1_000_000
MAX_PER_SECONDS: Final = 2_678_400  # 31 days
NS_PER_SECOND: Final = 1_000_000_000

_BOUNDS: Final = {"burst": MAX_BURST, "per_seconds": MAX_PER_SECONDS}


class LimitError(ValueError):
    """A value is no rate limit; `errors` names each fault with a JSON pointer into the value."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        errors = bounded(errors)
        super().__init__("; ".join(f"{error.pointer or '/'}: {error.detail}" for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` tokens (1 to 1,000,000) at once, refilled evenly over `per_seconds` (1 to 2,678,400).

    The bucket counts in ticks, the largest part of a nanosecond of which every token costs a whole number. There are
    `ticks` of them in a nanosecond (1 to burst), one token costs `price` and a full bucket is worth `capacity` =
    burst x price, so no division ever rounds. `code` is the limit as one integer of 64 bits, for a store's record.
    """

    burst: int
    per_seconds: int
    ticks: int = field(init=False, repr=False, compare=False)
    price: int = field(init=False, repr=False, compare=False)
    capacity: int = field(init=False, repr=False, compare=False)
    code: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, maximum in _BOUNDS.items():
            if not 1 <= getattr(self, name) <= maximum:
                raise ValueError(f"{name} must be from 1 to {maximum}")
        period_ns = self.per_seconds * NS_PER_SECOND
        divisor = gcd(self.burst, period_ns)
        object.__setattr__(self, "ticks", self.burst // divisor)
        object.__setattr__(self, "price", period_ns // divisor)
        object.__setattr__(self, "capacity", self.burst * self.price)
        object.__setattr__(self, "code", self.burst << 32 | self.per_seconds)

    @classmethod
    def from_code(cls, code: int) -> "Limit":
        """The limit of which `code` was written."""
        return cls(code >> 32, code & 0xFFFF_FFFF)

    def as_json(self) -> dict[str, int]:
        """The limit as the API and the database hold it."""
        return {"burst": self.burst, "per_seconds": self.per_seconds}


def _check_member(value: dict[object, object], name: str, maximum: int) -> FieldError | None:
    pointer = f"/{name}"
    if name not in value:
        return FieldError(pointer, "missing", f"{name} is required.")
    member = value[name]
    if isinstance(member, bool) or not isinstance(member, int):
        return FieldError(pointer, "not-an-integer", f"{name} must be a JSON integer.")
    if not 1 <= member <= maximum:
        return FieldError(pointer, "out-of-range", f"{name} must be from 1 to {maximum}.")
    return None


def parse_limit(value: object) -> Limit | None:
    """The limit that a decoded JSON value stands for; None (JSON null) is unlimited.

    Raises LimitError with every fault at once, up to MAX_ERRORS: exactly `burst` and `per_seconds`, both JSON integers
    in range. Booleans, floats (1.0 too) and numeric strings are no integers.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        fault = FieldError(
            "", "not-an-object", 'A rate limit is {"burst": n, "per_seconds": n}, or null for unlimited.'
        )
        raise LimitError((fault,))
    errors = [error for name, maximum in _BOUNDS.items() if (error := _check_member(value, name, maximum))]
    for name in value:
        if len(errors) > MAX_ERRORS:
            break
        if name not in _BOUNDS:
            detail = "Only burst and per_seconds belong here."
            errors.append(FieldError(member_pointer(name), "unknown-member", detail))
    if errors:
        raise LimitError(tuple(errors))
    return Limit(value["burst"], value["per_seconds"])


def limit_from_text(text: str) -> Limit | None:
    """The limit that a JSON text stands for, as an operator types it. Raises LimitError."""
    try:
        value = loads(text)
    except MalformedJSON as error:
        raise LimitError((FieldError("", "malformed-json", str(error)),)) from None
    return parse_limit(value)
