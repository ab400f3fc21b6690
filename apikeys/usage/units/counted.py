"""What a batch of usage by unit is given."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ratelimit.unit_counters import UnitCounter, name_of, parse_name

PlaceRow = tuple[str, str, int, int, int, int]
"""(key ID, unit, place, charged, returned, at_s) of one place of a counter."""


@dataclass(frozen=True, slots=True)
class CountedUnits:
    """Counters by name, as a store has them. The rest is as in `apikeys.usage.batch.Counted`."""

    counters: Mapping[str, UnitCounter]
    source: int
    rolls_back: bool
    confirmed: bool = False

    def places(self) -> Iterator[PlaceRow]:
        """Yield the places that were ever used."""
        for name, counter in self.counters.items():
            key_id, unit = parse_name(name.encode())
            for number, (at_s, charged, returned) in enumerate(counter.places):
                if at_s:
                    yield key_id, unit, number, charged, returned, at_s


def counter_names(found: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names of the counters that a query found, as pairs of key ID and unit, each once."""
    names = [name_of(key_id.encode(), unit).decode() for key_id, unit in found]
    return tuple(dict.fromkeys(names))
