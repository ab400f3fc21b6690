"""Query of the key list: a search, an owner, a plan, filters and an order.

They combine, and the page's address has them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from django.http import QueryDict

from apikeys.models import APIKey, APIKeyQuerySet
from apikeys.pages import MAX_QUERY
from apikeys.search import matching
from console.keys.filters import FILTERS, STATES
from console.keys.order import NEWEST, ORDERS, Order


@dataclass(frozen=True, slots=True)
class KeyQuery:
    """What the list shows: keys that match the search `q`, have exactly this `owner` and this `plan` of their own,
    and pass all `filters`.

    `sort` is a name in ORDERS.
    """

    q: str = ""
    owner: str = ""
    plan: str = ""
    filters: tuple[str, ...] = ()
    sort: str = NEWEST

    @classmethod
    def of(cls, query: QueryDict) -> "KeyQuery":
        """Return the query in an address. Unknown filters and orders are ignored."""
        q, owner, plan = (query.get(name, "").replace("\x00", "")[:MAX_QUERY] for name in ("q", "owner", "plan"))
        chosen = query.getlist("filter")
        sort = query.get("sort", "")
        filters = tuple(name for name in FILTERS if name in chosen)
        return cls(q.strip(), owner, plan, filters, sort if sort in ORDERS else NEWEST)

    def is_all_of(self, query: QueryDict) -> bool:
        """Return whether this is all that an address asks for: no filter is unknown, and no text too long."""
        texts = (query.get("q", "").strip(), query.get("owner", ""), query.get("plan", ""))
        return texts == (self.q, self.owner, self.plan) and set(query.getlist("filter")) <= set(self.filters)

    @property
    def order(self) -> Order:
        """Return the order of the list."""
        return ORDERS[self.sort]

    @property
    def is_narrowed(self) -> bool:
        """Return whether the list leaves out any key by search, owner, plan or filter."""
        return bool(self.q or self.owner or self.plan or self.filters)

    def keys(self, now: datetime) -> APIKeyQuerySet:
        """Return the keys that match."""
        keys = APIKey.objects.all()
        if self.order.field == "expires_at":
            # No index has the keys without an expiry at its end.
            keys = keys.filter(expires_at__isnull=False)
        for name in self.filters:
            keys = FILTERS[name](keys, now)
        if self.owner:
            keys = keys.filter(owner=self.owner)
        if self.plan:
            keys = keys.filter(plan__name=self.plan)
        return matching(keys, self.q) if self.q else keys

    def as_dict(self) -> dict[str, object]:
        """Return what identifies the query, for a cursor."""
        named = {"q": self.q, "owner": self.owner, "plan": self.plan}
        return {**named, "filter": list(self.filters), "sort": self.sort}

    def __str__(self) -> str:
        """Return the query as part of an address."""
        pairs = [("q", self.q), ("owner", self.owner), ("plan", self.plan)]
        pairs += [("filter", name) for name in self.filters]
        pairs += [("sort", self.sort)] if self.sort != NEWEST else []
        return urlencode([(name, value) for name, value in pairs if value])

    def without_filters(self) -> "KeyQuery":
        """Return the same query without its filters."""
        return replace(self, filters=())

    def without_owner(self) -> "KeyQuery":
        """Return the same query for all owners."""
        return replace(self, owner="")

    def without_plan(self) -> "KeyQuery":
        """Return the same query for all plans."""
        return replace(self, plan="")

    def columns(self) -> dict[str, tuple["KeyQuery", str]]:
        """Return for each column that sorts the query that sorts by it, and `aria-sort` if the list is in its order.

        Choosing the column of the current order reverses it.
        """
        direction = "descending" if self.sort.startswith("-") else "ascending"
        return {
            name: (
                replace(self, sort=f"-{name}" if self.sort == name else name),
                direction if self.sort.removeprefix("-") == name else "",
            )
            for name in ORDERS
            if not name.startswith("-")
        }

    def choices(self) -> Iterator[tuple[str, "KeyQuery", bool]]:
        """Yield each filter with the query that turns it on or off, and whether it is on."""
        for name in FILTERS:
            is_on = name in self.filters
            # A key is in one state, so a state replaces another.
            kept = [other for other in self.filters if other != name and not (name in STATES and other in STATES)]
            yield name, replace(self, filters=tuple(kept if is_on else [*kept, name])), is_on
