"""Pages of keys by cursor, newest first. A page costs the same no matter how many keys there are."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict, Unpack

from apikeys.candidates import in_state
from apikeys.cursor import PATTERN as CURSOR_PATTERN
from apikeys.cursor import Cursor
from apikeys.models import APIKey, APIKeyQuerySet, KeyState
from apikeys.search import matching
from latchkey.problems import FieldError
from latchkey.query import Parameter, Query, choice_parameter, number_parameter, text_parameter
from latchkey.validation import InvalidParameters, rejected

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
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
    Parameter(
        "cursor",
        Cursor.parse,
        {"type": "string", "pattern": CURSOR_PATTERN},
        "The `next` of the previous page. Send it with the same filters.",
    ),
    number_parameter("limit", 1, MAX_LIMIT, "Maximum number of keys on a page.", default=DEFAULT_LIMIT),
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
    # A client that forgets a filter on the second page would otherwise continue with keys that it did not ask for.
    if cursor is not None and not cursor.belongs_to(filters):
        detail = "cursor belongs to a list with other filters. Repeat the filters of the page that returned it."
        raise InvalidParameters.of([FieldError("/cursor", "other-filters", detail)])
    keys = _selected(now, filters)
    if cursor is not None:
        keys = keys.filter(id__lt=cursor.row)
    # One more than the page shows whether there is a next page, without counting.
    found = list(keys.order_by("-id").prefetch_related("secrets", "usage_marks")[: limit + 1])
    more = len(found) > limit
    return KeyPage(found[:limit], str(Cursor.below(found[limit - 1].pk, filters)) if more else None)


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
