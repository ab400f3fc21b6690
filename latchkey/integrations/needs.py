"""Needs of a view or a path: the scopes that a key must have for it, and what it pays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from latchkey.limit_state import REQUESTS


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request needs: a key with all of `scopes`, which pays `costs`, by unit."""

    scopes: tuple[str, ...] = ()
    costs: Mapping[str, int] = field(default_factory=lambda: {REQUESTS: 1})

    @classmethod
    def of(cls, scopes: Iterable[str], cost: int, costs: Mapping[str, int] | None) -> "Needs":
        """Return the needs of a view that costs `cost` tokens, and `costs` in other units."""
        return cls(tuple(scopes), {REQUESTS: cost, **(costs or {})})

    @property
    def tokens(self) -> int:
        """Return the cost in requests."""
        return self.costs.get(REQUESTS, 1)

    @property
    def other_costs(self) -> dict[str, int]:
        """Return the costs in other units than requests."""
        return {unit: cost for unit, cost in self.costs.items() if unit != REQUESTS}

    def joined(self, other: "Needs") -> "Needs":
        """Return the needs of a request that has both: all scopes, and the highest cost in each unit."""
        one, two = self.costs, other.costs
        highest = {unit: max(one.get(unit, 0), two.get(unit, 0)) for unit in (*one, *two)}
        return Needs((*self.scopes, *other.scopes), highest)
