"""Limits of plans, and the only code that decides whether a JSON value is a valid list of them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, TypeVar

from latchkey.problems import MAX_ERRORS, FieldError, field_pointer
from latchkey.validation import Rejected, integer, rejected
from ratelimit.limit import MAX_PLAN_BURST, Limit, LimitError, parse_limit
from ratelimit.periods import MAX_QUOTA, Per, Quota, Starts, zone_names
from ratelimit.slots import MAX_SLOTS

MAX_LIMITS: Final = 8
NAME_PATTERN: Final = r"[a-z0-9_-]{1,32}"
RESERVED_NAMES: Final = frozenset({"key", "address"})
DEFAULT_UNIT: Final = "requests"
KINDS: Final = ("rate", "quota", "concurrency")

_NAME: Final = re.compile(NAME_PATTERN)
_E = TypeVar("_E", bound=StrEnum)


class Mode(StrEnum):
    """Whether a limit refuses requests, or only counts them."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Shared(StrEnum):
    """Who shares a limit: each key has its own, or all keys of an owner have one."""

    KEY = "key"
    OWNER = "owner"


@dataclass(frozen=True)
class PlanLimit:
    """A limit of a plan. Exactly one of `rate`, `quota` and `concurrency` is set; the last is a number of slots."""

    name: str
    unit: str = DEFAULT_UNIT
    mode: Mode = Mode.ENFORCE
    shared: Shared = Shared.KEY
    rate: Limit | None = None
    quota: Quota | None = None
    concurrency: int | None = None

    @property
    def kind(self) -> str:
        """Return `rate`, `quota` or `concurrency`."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def identity(self) -> tuple[str, ...]:
        """Return what may not change while a counter keeps its value: kind, unit, period, time zone and start."""
        quota = self.quota
        period = () if quota is None else (quota.per.value, quota.timezone, quota.starts.value)
        return (self.kind, self.unit, *period)

    @cached_property
    def definition(self) -> int:
        """Return the number of 48 bits that identifies what the limit's counter counts (see `Claim`)."""
        return int.from_bytes(sha256(json.dumps(self.identity).encode()).digest()[:6])

    def amount_json(self) -> dict[str, object]:
        """Return the one of `rate`, `quota` and `concurrency` that is set, under its name."""
        stated = (self.rate and self.rate.as_json(), self.quota and self.quota.as_json(), self.concurrency)
        return {kind: value for kind, value in zip(KINDS, stated, strict=True) if value is not None}

    def as_json(self) -> dict[str, object]:
        """Return the limit as the API and the database represent it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "mode": self.mode.value,
            "shared": self.shared.value,
            **self.amount_json(),
        }


def parse_plan_limits(value: object) -> tuple[PlanLimit, ...]:
    """Return the limits that a decoded JSON value represents: an array of up to MAX_LIMITS with different names.

    Raises LimitError with all faults, up to MAX_ERRORS, and with pointers such as /0/quota/per.
    """
    if not isinstance(value, list):
        raise LimitError((FieldError("", "not-an-array", "limits must be an array of limits."),))
    if len(value) > MAX_LIMITS:
        raise LimitError((FieldError("", "too-many", f"A plan can have at most {MAX_LIMITS} limits."),))
    faults: list[FieldError] = []
    limits = []
    seen: set[str] = set()
    for index, item in enumerate(value):
        try:
            limit = _parse_limit(item)
            if limit.name in seen:
                raise rejected("duplicate", "Each limit of a plan needs its own name.", "/name")
            limits.append(limit)
            seen.add(limit.name)
        except Rejected as rejection:
            faults.extend(fault.under(f"/{index}") for fault in rejection.faults)
    if faults:
        raise LimitError(tuple(faults))
    return tuple(limits)


def parse_name(value: object, what: str = "name") -> str:
    """Return the name of a limit or a unit. Raises Rejected."""
    if not isinstance(value, str):
        raise rejected("not-a-string", f"{what} must be a string.")
    if not _NAME.fullmatch(value):
        raise rejected("not-a-name", f"{what} must have 1 to 32 characters of a-z, 0-9, _ and -.")
    return value


def parse_rate(value: object) -> Limit:
    """Return the rate of a plan's limit. Raises Rejected."""
    try:
        limit = parse_limit(value, MAX_PLAN_BURST)
    except LimitError as error:
        raise Rejected(*error.errors) from None
    if limit is None:
        raise rejected("not-an-object", 'rate must be {"burst": n, "per_seconds": n}.')
    return limit


def parse_quota_amount(value: object) -> int:
    """Return the number of units of a quota. Raises Rejected."""
    return integer(value, "quota", 1, MAX_QUOTA)


def parse_slots(value: object) -> int:
    """Return the number of slots of a concurrency limit. Raises Rejected."""
    return integer(value, "concurrency", 1, MAX_SLOTS)


def _limit_name(value: object) -> str:
    name = parse_name(value)
    if name in RESERVED_NAMES:
        raise rejected("reserved", f"{name} is the name of another limit. Choose a different name.")
    return name


def _choice(choices: type[_E], what: str) -> Callable[[object], _E]:
    def parse(value: object) -> _E:
        if not isinstance(value, str) or value not in set(choices):
            raise rejected("not-a-choice", f"{what} must be one of: {', '.join(choices)}.")
        return choices(value)

    return parse


def _timezone(value: object) -> str:
    if not isinstance(value, str) or value not in zone_names():
        raise rejected("not-a-timezone", "timezone must be a name of the IANA database, for example Europe/Berlin.")
    return value


def _parse_quota(value: object) -> Quota:
    fields = _parse_fields(value, _QUOTA_RULES, required=("quota", "per"))
    quota = Quota(**fields)
    if quota.starts == Starts.ANCHOR and quota.per != Per.MONTH:
        raise rejected("not-a-month", 'Only months can start at an anchor: set per to "month".', "/starts")
    return quota


def _parse_limit(value: object) -> PlanLimit:
    fields = _parse_fields(value, _LIMIT_RULES, required=("name",), one_of=KINDS)
    return PlanLimit(**fields)


_Rules = Mapping[str, Callable[[object], object]]

_QUOTA_RULES: Final[_Rules] = {
    "quota": parse_quota_amount,
    "per": _choice(Per, "per"),
    "timezone": _timezone,
    "starts": _choice(Starts, "starts"),
}
_LIMIT_RULES: Final[_Rules] = {
    "name": _limit_name,
    "unit": lambda value: parse_name(value, "unit"),
    "mode": _choice(Mode, "mode"),
    "shared": _choice(Shared, "shared"),
    "rate": parse_rate,
    "quota": _parse_quota,
    "concurrency": parse_slots,
}


def _parse_fields(
    value: object, rules: _Rules, *, required: tuple[str, ...], one_of: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the fields of a JSON object, each as its rule returns it. Raises Rejected with all faults."""
    if not isinstance(value, dict):
        raise rejected("not-an-object", f"This must be an object with the fields {', '.join(rules)}.")
    faults = [FieldError(f"/{name}", "missing", f"{name} is required.") for name in required if name not in value]
    if one_of and sum(name in value for name in one_of) != 1:
        faults.append(FieldError("", "not-exactly-one", f"Give exactly one of {', '.join(one_of)}."))
    fields = {}
    for name, item in value.items():
        if len(faults) > MAX_ERRORS:
            break
        pointer = field_pointer(name)
        rule = rules.get(name)
        if rule is None:
            faults.append(FieldError(pointer, "unknown-member", f"The allowed fields are: {', '.join(rules)}."))
            continue
        try:
            fields[name] = rule(item)
        except Rejected as rejection:
            faults.extend(fault.under(pointer) for fault in rejection.faults)
    if faults:
        raise Rejected(*faults)
    return fields
