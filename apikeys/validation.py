"""Validation rules of a key's fields."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from apikeys.models import APIKey
from latchkey.identity import MAX_OWNER_BYTES, MAX_SCOPES_BYTES, owner_value, scopes_value
from latchkey.problems import FieldError
from latchkey.rotation import MAX_GRACE_SECONDS
from latchkey.validation import InvalidParameters, Rejected, Rule, boolean, future, integer, rejected, text
from ratelimit.limit import LimitError, parse_limit
from ratelimit.plan_limit import parse_name

MAX_SCOPES: Final = 64
MAX_SCOPE_LENGTH: Final = 128
MAX_METADATA_BYTES: Final = 4096
MAX_SECRET_ID: Final = 2**63 - 1
SYSTEM_OWNER: Final = "latchkey"
"""The text in the owner of keys that the server issues for itself."""

SCOPE_PATTERN: Final = r"^(\*|verify|[a-z0-9_.-]+:[a-z0-9_.*-]+)$"
_SCOPE = re.compile(SCOPE_PATTERN)


def is_scope(text: str) -> bool:
    """Return whether `text` has the form of a scope."""
    return len(text) <= MAX_SCOPE_LENGTH and _SCOPE.fullmatch(text) is not None


def _owner(value: object, _now: datetime) -> str:
    owner = text(value, "owner")
    if len(owner_value(owner)) > MAX_OWNER_BYTES:
        raise rejected(
            "too-long",
            f"owner must have at most {MAX_OWNER_BYTES} bytes when it is percent-encoded, as in X-Latchkey-Owner: a "
            "percent sign and each byte of UTF-8 that is not ASCII take three.",
        )
    return owner


def _scopes(value: object, _now: datetime) -> list[str]:
    if not isinstance(value, list):
        raise rejected("not-an-array", "scopes must be an array of strings.")
    if len(value) > MAX_SCOPES:
        raise rejected("too-many", f"scopes must have at most {MAX_SCOPES} entries.")
    faults = [
        FieldError(
            f"/{index}",
            "not-a-scope",
            "A scope must be *, verify, or of the form keys:read: lower case, with one colon.",
        )
        for index, scope in enumerate(value)
        if not (isinstance(scope, str) and is_scope(scope))
    ]
    if faults:
        raise Rejected(*faults)
    scopes = sorted(set(value))
    if len(scopes_value(scopes)) > MAX_SCOPES_BYTES:
        raise rejected(
            "too-long", f"scopes must have at most {MAX_SCOPES_BYTES} characters, including a space between scopes."
        )
    return scopes


def _rate_limit(value: object, _now: datetime) -> dict[str, int] | None:
    try:
        limit = parse_limit(value)
    except LimitError as error:
        raise Rejected(*error.errors) from None
    return limit.as_json() if limit else None


def _metadata(value: object, _now: datetime) -> dict[str, object]:
    if not isinstance(value, dict):
        raise rejected("not-an-object", "metadata must be a JSON object.")
    if len(json.dumps(value).encode()) > MAX_METADATA_BYTES:
        raise rejected("too-long", f"metadata must have at most {MAX_METADATA_BYTES} bytes as JSON.")
    return value


FIELD_RULES: Final[Mapping[str, Rule]] = {
    "label": lambda value, _now: text(value, "label", allow_empty=False),
    "owner": _owner,
    "scopes": _scopes,
    "rate_limit": _rate_limit,
    "expires_at": lambda value, now: None if value is None else future(value, "expires_at", now),
    "metadata": _metadata,
}
"""Rules of what a key has without a plan, as imported keys are."""

CREATE_RULES: Final[Mapping[str, Rule]] = {
    **FIELD_RULES,
    "plan": lambda value, _now: None if value is None else parse_name(value, "plan"),
}
UPDATE_RULES: Final[Mapping[str, Rule]] = {**CREATE_RULES, "enabled": lambda value, _now: boolean(value, "enabled")}
ROTATE_RULES: Final[Mapping[str, Rule]] = {
    "grace_seconds": lambda value, _now: integer(value, "grace_seconds", 0, MAX_GRACE_SECONDS)
}
FINISH_RULES: Final[Mapping[str, Rule]] = {
    "secret_id": lambda value, _now: integer(value, "secret_id", 1, MAX_SECRET_ID)
}


def refuse_system_key(key: APIKey) -> None:
    """Raise InvalidParameters for a key that the server issued for itself."""
    # Guard rails ignore system keys, so such a key must not become the key of a client.
    if key.system:
        detail = "The server issued this key to itself. You can disable, enable and revoke it, but not change it."
        raise InvalidParameters.of([FieldError("", "system-key", detail)])
