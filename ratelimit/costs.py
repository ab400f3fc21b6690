"""Costs of a request: how much it takes of the limits of its key, by unit."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from latchkey.limit_state import REQUESTS

MAX_UNITS: Final = 16
"""How many units other than requests a request can name."""


class Costs:
    """Immutable costs of a request: `requests` (0 to 10^6), and costs of up to MAX_UNITS other units (0 to 10^15 each).

    Only reservations and their settlements can cost 0 requests. `by_unit` has all of them, also as `items`, and
    `others` the units other than requests. A unit that is not named costs nothing.
    """

    __slots__ = ("by_unit", "items", "others", "requests")

    def __init__(self, requests: int = 1, others: Mapping[str, int] | None = None) -> None:
        self.requests: Final = requests
        self.others: Final = frozenset(others or ())
        self.by_unit: Final[Mapping[str, int]] = MappingProxyType({REQUESTS: requests, **(others or {})})
        self.items: Final = tuple(self.by_unit.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Costs) and self.by_unit == other.by_unit

    def __hash__(self) -> int:
        return hash((self.requests, self.others))


ONE: Final = Costs()
"""One request, and nothing else."""
