"""Slugs of owners: what names an owner in an address."""

import re
from typing import Final

from apikeys.models import Owner
from apikeys.policies.validation import MAX_SLUG
from apikeys.search import normalized

_OTHERS: Final = re.compile(r"[^a-z0-9]+")
_ROOM_FOR_A_NUMBER: Final = 7


def free_slug(name: str) -> str:
    """Return a slug for this name that no owner has: `acme`, or `acme-2` if that one is taken."""
    wanted = _OTHERS.sub("-", normalized(name)).strip("-")[: MAX_SLUG - _ROOM_FOR_A_NUMBER].strip("-") or "owner"
    # Deleted owners leave gaps, so count up to the first free one instead of counting owners.
    taken = set(Owner.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    if wanted not in taken:
        return wanted
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{wanted}-{number}") not in taken)
