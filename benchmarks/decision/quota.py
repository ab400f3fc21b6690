"""Quotas and keys with which decisions are measured."""

from dataclasses import dataclass
from typing import Final, Literal

KEYS: Final = tuple(f"lk_{number:012}" for number in range(1000))
"""Keys, used in turn. Fewer than the 1,024 that throttled-py's store holds, so that no candidate evicts any."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of `burst` requests in `per_seconds` seconds, of which every key has used `spent` before timing starts.

    `letter` is the name of the period in Django REST framework. `allows` is whether the timed requests are allowed.
    """

    burst: int
    per_seconds: int
    letter: Literal["s", "h"]
    spent: int
    allows: bool


ALLOWING: Final = Quota(1_000_000, 1, "s", spent=1, allows=True)
DENYING: Final = Quota(10, 3600, "h", spent=10, allows=False)
