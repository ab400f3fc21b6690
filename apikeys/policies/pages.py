"""Pages of plans, owners and overrides by cursor, newest first."""

import re
from typing import Final, TypedDict, Unpack

from django.db.models import Q
from django.utils import timezone

from apikeys.cursor import CURSOR_PARAMETER, DEFAULT_LIMIT, Cursor, limit_parameter, page_of
from apikeys.models import Override, Owner, Plan
from latchkey.query import Parameter, Query, text_parameter
from latchkey.validation import rejected

MAX_QUERY: Final = 200
_UNSEARCHABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


class OwnerFilters(TypedDict, total=False):
    """Filters of a page of owners. All of them apply."""

    q: str
    plan: str


class OverrideFilters(TypedDict, total=False):
    """Filters of a page of overrides. `owner` is a slug."""

    key_id: str
    owner: str


def _search(typed: str) -> str:
    if len(typed) > MAX_QUERY or _UNSEARCHABLE.search(typed):
        raise rejected("not-a-search", f"q must have at most {MAX_QUERY} characters and no NUL.")
    return typed


PLAN_QUERY: Final[Query] = (CURSOR_PARAMETER, limit_parameter("plans"))
OWNER_QUERY: Final[Query] = (
    CURSOR_PARAMETER,
    limit_parameter("owners"),
    Parameter(
        "q",
        _search,
        {"type": "string", "minLength": 1, "maxLength": MAX_QUERY},
        "Text that is part of the name, the slug or the display name.",
    ),
    text_parameter("plan", "Only owners with the plan of this name."),
)
OVERRIDE_QUERY: Final[Query] = (
    CURSOR_PARAMETER,
    limit_parameter("overrides"),
    text_parameter("key_id", "Only overrides of the key with this ID."),
    text_parameter("owner", "Only overrides of the owner with this slug."),
)


def plan_page(*, cursor: Cursor | None = None, limit: int = DEFAULT_LIMIT) -> tuple[list[Plan], str | None]:
    """Return one page of plans, and the cursor of the next page or None, from the parsed parameters of PLAN_QUERY."""
    return page_of(Plan.objects.all(), {}, cursor, limit)


def owner_page(
    *, cursor: Cursor | None = None, limit: int = DEFAULT_LIMIT, **filters: Unpack[OwnerFilters]
) -> tuple[list[Owner], str | None]:
    """Return one page of owners like `plan_page`, from the parsed parameters of OWNER_QUERY."""
    owners = Owner.objects.all()
    if "plan" in filters:
        owners = owners.filter(plan__name=filters["plan"])
    if "q" in filters:
        text = filters["q"]
        owners = owners.filter(Q(name__icontains=text) | Q(slug__icontains=text) | Q(display_name__icontains=text))
    return page_of(owners, filters, cursor, limit)


def override_page(
    *, cursor: Cursor | None = None, limit: int = DEFAULT_LIMIT, **filters: Unpack[OverrideFilters]
) -> tuple[list[Override], str | None]:
    """Return one page of the overrides in force like `plan_page`, from the parsed parameters of OVERRIDE_QUERY."""
    overrides = Override.objects.select_related("owner").filter(ended_at__isnull=True, until__gt=timezone.now())
    if "key_id" in filters:
        overrides = overrides.filter(key__key_id=filters["key_id"])
    if "owner" in filters:
        overrides = overrides.filter(owner__slug=filters["owner"])
    return page_of(overrides, filters, cursor, limit)
