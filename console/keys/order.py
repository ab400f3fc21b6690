"""Order of the key list: by time of issue, label, owner or expiry. Each is read from an index, a page at a time."""

from dataclasses import dataclass
from typing import Final

from django.db.models import F, Q

from apikeys.models import APIKey, APIKeyQuerySet


@dataclass(frozen=True, slots=True)
class Order:
    """An order by `field`, and by time of issue among equal values."""

    field: str = "pk"
    descending: bool = True

    def sort(self, keys: APIKeyQuerySet) -> APIKeyQuerySet:
        """Return the keys in this order."""
        names = dict.fromkeys((self.field, "pk"))
        return keys.order_by(*(F(name).desc() if self.descending else F(name).asc() for name in names))

    def after(self, keys: APIKeyQuerySet, row: int) -> APIKeyQuerySet:
        """Return those of `keys` that come after the key with the primary key `row`, as that key is now.

        If that key no longer has a value in `field`, it has no place in this order: return all of `keys`.
        """
        beyond = "lt" if self.descending else "gt"
        rest = Q(**{f"pk__{beyond}": row})
        if self.field == "pk":
            return keys.filter(rest)
        value = APIKey.objects.filter(pk=row).values_list(self.field, flat=True).first()
        if value is None:
            return keys
        # The first condition is the range of the index, which an OR alone would hide from SQLite.
        return keys.filter(Q(**{f"{self.field}__{beyond}e": value}), Q(**{f"{self.field}__{beyond}": value}) | rest)


NEWEST: Final = "-issued"
ORDERS: Final = {
    NEWEST: Order(),
    "issued": Order(descending=False),
    "label": Order("label", descending=False),
    "-label": Order("label"),
    "owner": Order("owner", descending=False),
    "-owner": Order("owner"),
    "expires": Order("expires_at", descending=False),
    "-expires": Order("expires_at"),
}
"""Orders by their name in the page's address; with a minus sign, the highest value comes first."""
