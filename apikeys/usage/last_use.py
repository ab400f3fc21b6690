"""Last use in queries: when keys were used, and which keys and secrets since a moment, by the marks of all stores."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from apikeys.models import UsageMark


def last_uses(keys: Collection[int]) -> dict[int, datetime]:
    """Return when each of the keys, given by primary key, was last used; those never used are left out.

    One query reads them all, without an object for each mark.
    """
    uses: dict[int, list[datetime]] = {}
    marks = UsageMark.objects.filter(key__in=keys).values_list("key_id", "used_0_at", "used_1_at")
    for pk, *slots in marks:
        uses.setdefault(pk, []).extend(used for used in slots if used is not None)
    return {pk: max(times) for pk, times in uses.items() if times}


def key_used_since(moment: datetime) -> Exists:
    """Return the condition on keys that they were used at `moment` or later."""
    uses = Q(used_0_at__gte=moment) | Q(used_1_at__gte=moment)
    return Exists(UsageMark.objects.filter(uses, key=OuterRef("pk")))


def secret_used_since(field: str) -> Q:
    """Return the condition on secrets that they were used at the time in their `field` or later.

    That time is not before the secret was created.
    """
    return Q(slot=0) & _slot_used(0, field) | Q(slot=1) & _slot_used(1, field)


def other_secret_used_since(field: str) -> Q:
    """Return the condition on secrets that the key's other secret was used at the time in their `field` or later."""
    return Q(slot=0) & _slot_used(1, field) | Q(slot=1) & _slot_used(0, field)


def _slot_used(slot: int, field: str) -> Q:
    marks = UsageMark.objects.filter(key=OuterRef("key"))
    return Q(Exists(marks.filter(**{f"used_{slot}_at__gte": OuterRef(field)})))
