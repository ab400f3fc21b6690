"""Pages of keys by cursor, newest first. A page costs the same no matter how many keys there are."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict, Unpack

from apikeys.candidates import in_state
from apikeys.cursor import CURSOR_PARAMETER, DEFAULT_LIMIT, Cursor, limit_parameter, page_of
from apikeys.models import APIKey, APIKeyQuerySet, KeyState
from apikeys.search import matching
from latchkey.query import Parameter, Query, choice_parameter, text_parameter
from latchkey.validation import rejected

MAX_QUERY: Final = 200
STATES: Final = (*KeyState.values, "unlimited", "rotating")
_UNSEARCHABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


class KeyFilters(TypedDict, total=False):
    """Filters of a page of keys. All of them apply. `owner`, `label` and `plan` are compared exactly."""

    q: str
    state: str
    owner: str
    label: str
    plan: str


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One page of keys, and the cursor of the next page or None."""

    keys: list[APIKey]
    next: str | None


def _search(typed: str) -> str:
    if len(typed) > MAX_QUERY or _UNSEARCHABLE.search(typed):
        raise rejected("not-a-search", f"q must have at most {MAX_QUERY} characters and no NUL.")
    return typed


QUERY: Final[Query] = (
    CURSOR_PARAMETER,
    limit_parameter("keys"),
    Parameter(
        "q",
        _search,
        {"type": "string", "minLength": 1, "maxLength": MAX_QUERY},
        "Words, each of which is part of the key ID, label, owner or metadata.",
    ),
    choice_parameter("state", STATES, "Only keys in this state."),
    text_parameter("owner", "Only keys with exactly this owner."),
    text_parameter("label", "Only keys with exactly this label."),
    text_parameter("plan", "Only keys with this plan of their own."),
)


def key_page(
    now: datetime, *, cursor: Cursor | None = None, limit: int = DEFAULT_LIMIT, **filters: Unpack[KeyFilters]
) -> KeyPage:
    """Return one page of the keys that match the filters, from the parsed parameters of QUERY.

    Raises InvalidParameters for a cursor that belongs to other filters.
    """
    keys = _selected(now, filters).prefetch_related("secrets", "usage_marks")
    return KeyPage(*page_of(keys, filters, cursor, limit))


def _selected(now: datetime, filters: KeyFilters) -> APIKeyQuerySet:
    keys = APIKey.objects.all()
    if "state" in filters:
        keys = in_state(keys, filters["state"], now)
    if "owner" in filters:
        keys = keys.filter(owner=filters["owner"])
    if "label" in filters:
        keys = keys.filter(label=filters["label"])
    if "plan" in filters:
        keys = keys.filter(plan_id=filters["plan"])
    return matching(keys, filters["q"]) if "q" in filters else keys
