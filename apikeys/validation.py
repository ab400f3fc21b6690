"""The rules for a key's fields: raw JSON values in, clean values out, or every fault at once."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from django.utils.dateparse import parse_datetime

from apikeys.errors import InvalidParameters
from latchkey.problems import FieldError
from ratelimit.limit import LimitError, parse_limit

MAX_TEXT: Final = 200
MAX_SCOPES: Final = 64
MAX_SCOPE_LENGTH: Final = 128
MAX_METADATA_BYTES: Final = 4096
MAX_GRACE_SECONDS: Final = 2_592_000  # 30 days
DEFAULT_GRACE_SECONDS: Final = 86_400

_SCOPE = re.compile(r"\*|verify|[a-z0-9_.-]+:[a-z0-9_.*-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

Rule = Callable[[object, datetime], object]


class Refused(Exception):
    """A value breaks a rule; `faults` are relative to the value."""

    def __init__(self, *faults: FieldError) -> None:
        super().__init__()
        self.faults = faults


def _fault(code: str, detail: str, pointer: str = "") -> Refused:
    return Refused(FieldError(pointer, code, detail))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _fault("not-a-string", f"{name} must be a string.")
    if _CONTROL.search(value):
        raise _fault("control-character", f"{name} must hold no characters that control or turn text.")
    text = value.strip()
    if len(text) > MAX_TEXT:
        raise _fault("too-long", f"{name} must have at most {MAX_TEXT} characters.")
    return text


def _label(value: object, _now: datetime) -> str:
    text = _text(value, "label")
    if not text:
        raise _fault("empty", "label must say what the key is for.")
    return text


def _owner(value: object, _now: datetime) -> str:
    return _text(value, "owner")


def _scopes(value: object, _now: datetime) -> list[str]:
    if not isinstance(value, list):
        raise _fault("not-an-array", "scopes must be an array of strings.")
    if len(value) > MAX_SCOPES:
        raise _fault("too-many", f"scopes must have at most {MAX_SCOPES} entries.")
    faults = [
        FieldError(f"/{index}", "not-a-scope", "A scope is *, verify, or like keys:read: lower case, with one colon.")
        for index, scope in enumerate(value)
        if not (isinstance(scope, str) and len(scope) <= MAX_SCOPE_LENGTH and _SCOPE.fullmatch(scope))
    ]
    if faults:
        raise Refused(*faults)
    return sorted(set(value))


def _rate_limit(value: object, _now: datetime) -> dict[str, int] | None:
    try:
        limit = parse_limit(value)
    except LimitError as error:
        raise Refused(*error.errors) from None
    return limit.as_json() if limit else None


def _expires_at(value: object, now: datetime) -> datetime | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else parse_time(value)
    if moment <= now:
        raise _fault("in-the-past", "expires_at must lie in the future.")
    return moment


def parse_time(value: object) -> datetime:
    """The moment that an RFC 3339 text with an offset tells, in UTC. Raises Refused."""
    try:
        moment = parse_datetime(value) if isinstance(value, str) and _RFC3339.fullmatch(value) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _fault("not-a-time", "A time is written as in 2027-01-31T09:30:00Z, with its offset (RFC 3339).")


def _metadata(value: object, _now: datetime) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _fault("not-an-object", "metadata must be a JSON object.")
    if len(json.dumps(value).encode()) > MAX_METADATA_BYTES:
        raise _fault("too-long", f"metadata must have at most {MAX_METADATA_BYTES} bytes as JSON.")
    return value


def _enabled(value: object, _now: datetime) -> bool:
    if not isinstance(value, bool):
        raise _fault("not-a-boolean", "enabled must be true or false.")
    return value


def _grace_seconds(value: object, _now: datetime) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _fault("not-an-integer", "grace_seconds must be a JSON integer.")
    if not 0 <= value <= MAX_GRACE_SECONDS:
        raise _fault("out-of-range", f"grace_seconds must be from 0 to {MAX_GRACE_SECONDS}.")
    return value


CREATE_RULES: Final[Mapping[str, Rule]] = {
    "label": _label,
    "owner": _owner,
    "scopes": _scopes,
    "rate_limit": _rate_limit,
    "expires_at": _expires_at,
    "metadata": _metadata,
}
UPDATE_RULES: Final[Mapping[str, Rule]] = {**CREATE_RULES, "enabled": _enabled}
ROTATE_RULES: Final[Mapping[str, Rule]] = {"grace_seconds": _grace_seconds}


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
        except Refused as refused:
            faults.extend(fault.under(pointer) for fault in refused.faults)
    if faults:
        detail = "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults[:3])
        raise InvalidParameters(detail, errors=faults)
    return cleaned
