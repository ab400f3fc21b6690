"""Validation rules of plans, owners, overrides and adjustments."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from apikeys.validation import FIELD_RULES, SYSTEM_OWNER
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.problems import MAX_ERRORS, FieldError
from latchkey.validation import InvalidParameters, Rejected, Rule, clean, future, integer, rejected, text
from ratelimit.claim import MAX_COST
from ratelimit.limit import LimitError
from ratelimit.plan_limit import (
    KINDS,
    parse_name,
    parse_plan_limits,
    parse_quota_amount,
    parse_rate,
    parse_slots,
)

MAX_CONTACTS: Final = 8
MAX_SLUG: Final = 64
SLUG_PATTERN: Final = r"[a-z0-9-]{1,64}"
MAX_REASON: Final = 200

_SLUG: Final = re.compile(SLUG_PATTERN)


def _limits(value: object, _now: datetime) -> list[dict[str, object]]:
    try:
        return [limit.as_json() for limit in parse_plan_limits(value)]
    except LimitError as error:
        raise Rejected(*error.errors) from None


def _owner_name(value: object, now: datetime) -> object:
    name = FIELD_RULES["owner"](value, now)
    if not name:
        raise rejected("empty", "name must not be empty: it is the text in the owner of keys.")
    # Otherwise a key could limit the key of the health check by a plan, and make the server look unhealthy.
    if name == SYSTEM_OWNER:
        raise rejected("reserved", "The server's own keys have this owner. Choose a different name.")
    return name


def _slug(value: object, what: str) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise rejected("not-a-slug", f"{what} must have 1 to {MAX_SLUG} characters of a-z, 0-9 and -.")
    return value


def _contacts(value: object, _now: datetime) -> list[str]:
    if not isinstance(value, list):
        raise rejected("not-an-array", "contacts must be an array of strings.")
    if len(value) > MAX_CONTACTS:
        raise rejected("too-many", f"contacts must have at most {MAX_CONTACTS} entries.")
    faults: list[FieldError] = []
    contacts = []
    for index, contact in enumerate(value):
        try:
            contacts.append(text(contact, "A contact", allow_empty=False))
        except Rejected as rejection:
            faults.extend(fault.under(f"/{index}") for fault in rejection.faults)
    if faults:
        raise Rejected(*faults)
    return contacts


def _anchor(value: object, _now: datetime) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    try:
        found = date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        found = None
    # fromisoformat() accepts 20261115 and 2026-W46-7 too.
    if found is None or found.isoformat() != value:
        raise rejected("not-a-date", "period_anchor must be a date such as 2026-11-15, or null.")
    return found


def _plan(value: object, _now: datetime) -> str | None:
    return None if value is None else parse_name(value, "plan")


def _key_id(value: object, _now: datetime) -> str:
    if not isinstance(value, str) or not KEY_ID_PATTERN.fullmatch(value):
        raise rejected("not-a-key-id", "key_id must be lk_ and 12 characters of 0-9 and a-z.")
    return value


PLAN_RULES: Final[Mapping[str, Rule]] = {"name": lambda value, _now: parse_name(value), "limits": _limits}
PLAN_UPDATE_RULES: Final[Mapping[str, Rule]] = {"limits": _limits}

OWNER_UPDATE_RULES: Final[Mapping[str, Rule]] = {
    "display_name": lambda value, _now: text(value, "display_name"),
    "contacts": _contacts,
    "period_anchor": _anchor,
    "plan": _plan,
}
OWNER_RULES: Final[Mapping[str, Rule]] = {
    "name": _owner_name,
    "slug": lambda value, _now: _slug(value, "slug"),
    **OWNER_UPDATE_RULES,
}

OVERRIDE_RULES: Final[Mapping[str, Rule]] = {
    "key_id": _key_id,
    "owner": lambda value, _now: _slug(value, "owner"),
    "limit": lambda value, _now: parse_name(value, "limit"),
    "rate": lambda value, _now: parse_rate(value),
    "quota": lambda value, _now: parse_quota_amount(value),
    "concurrency": lambda value, _now: parse_slots(value),
    "until": lambda value, now: future(value, "until", now),
    "reason": lambda value, _now: text(value, "reason", max_length=MAX_REASON),
}
ADJUST_RULES: Final[Mapping[str, Rule]] = {
    "used": lambda value, _now: integer(value, "used", 0, MAX_COST),
    "add": lambda value, _now: integer(value, "add", -MAX_COST, MAX_COST),
    "reason": lambda value, _now: text(value, "reason", max_length=MAX_REASON, allow_empty=False),
}


def clean_override(values: object, now: datetime) -> dict[str, object]:
    """Return the valid fields of an override: one subject, one kind, limit and until. Raises InvalidParameters."""
    return _clean_one_of(values, OVERRIDE_RULES, now, ("limit", "until"), (("key_id", "owner"), KINDS))


def clean_adjustment(values: object, now: datetime) -> dict[str, object]:
    """Return the valid fields of an adjustment: `used` or `add`, and the reason. Raises InvalidParameters."""
    return _clean_one_of(values, ADJUST_RULES, now, ("reason",), (("used", "add"),))


def _clean_one_of(
    values: object,
    rules: Mapping[str, Rule],
    now: datetime,
    required: tuple[str, ...],
    groups: tuple[tuple[str, ...], ...],
) -> dict[str, object]:
    """Return the fields like `clean`, and check that there is exactly one of each group."""
    faults: list[FieldError] = []
    if isinstance(values, Mapping):
        faults += [
            FieldError("", "not-exactly-one", f"Give exactly one of {', '.join(group)}.")
            for group in groups
            if sum(name in values for name in group) != 1
        ]
    try:
        cleaned = clean(values, rules, now, required=required)
    except InvalidParameters as error:
        raise InvalidParameters.of([*error.errors[:MAX_ERRORS], *faults]) from None
    if faults:
        raise InvalidParameters.of(faults)
    return cleaned
