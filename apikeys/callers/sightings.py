"""Sightings of a key's callers since the last write: a bounded summary of samples."""

from dataclasses import dataclass
from typing import Final

from apikeys.models import CallerKind

MAX_VALUES: Final = 8
"""How many values of each kind are kept for a key, in memory and in the database."""


@dataclass(slots=True)
class Sighting:
    """Estimated requests of one value, and the Unix times of its first and last sample."""

    requests: int
    first_seen: float
    last_seen: float

    def add(self, other: "Sighting") -> None:
        """Add the requests of the same value that were seen at other times."""
        self.requests += other.requests
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)


Sightings = dict[tuple[CallerKind, str], Sighting]
"""Sightings by kind and value."""


def add_sighting(sightings: Sightings, at: tuple[CallerKind, str], new: Sighting) -> None:
    """Add a sighting. If there are MAX_VALUES others of its kind, the one with the fewest requests leaves."""
    known = sightings.get(at)
    if known is not None:
        known.add(new)
        return
    same = [other for other in sightings if other[0] is at[0]]
    if len(same) >= MAX_VALUES:
        # Of those with the fewest requests, the one that was seen least recently.
        del sightings[min(same, key=lambda other: (sightings[other].requests, sightings[other].last_seen))]
    sightings[at] = new
