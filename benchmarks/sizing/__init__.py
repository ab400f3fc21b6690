"""Sizing: how many bytes a key takes in every bucket store and in every database."""

import sys
from collections.abc import Callable
from typing import Final

from benchmarks.databases import postgresql, sqlite
from benchmarks.failure import CouldNotMeasure
from benchmarks.installation import probe
from benchmarks.section import Section
from benchmarks.series import Series
from benchmarks.sizing import buckets

KEYS: Final = 100_000
QUICK_KEYS: Final = 10_000


def sections(*, quick: bool) -> list[Section]:
    """Measure all stores and databases; return the sections. Leave out those without a server, with a message."""
    keys = QUICK_KEYS if quick else KEYS
    stores = {"lmdb://": buckets.lmdb, "redis://": buckets.redis}
    measured = {name: _attempt(measure, keys) for name, measure in stores.items()}
    present = {name: size for name, size in measured.items() if size is not None}
    found = [_section("buckets", "A key's bucket, used once", keys, present)]
    with sqlite() as url:
        found.append(_database("SQLite", url, keys))
    with postgresql() as server:
        if server is None:
            print("No PostgreSQL answers: it is left out.", file=sys.stderr)
        else:
            found.append(_database("PostgreSQL", server, keys))
    return found


def _attempt(measure: Callable[[int], float], keys: int) -> float | None:
    try:
        return measure(keys)
    except CouldNotMeasure as reason:
        print(f"{reason} It is left out.", file=sys.stderr)
        return None


def _database(name: str, url: str, keys: int) -> Section:
    """Run `benchmarks.sizing.probe` on that database; return the section."""
    measured: dict[str, float] = probe("benchmarks.sizing.probe", keys, database=url)
    return _section(name.lower(), f"A key with a secret in {name}, indexes too", keys, measured)


def _section(name: str, title: str, keys: int, measured: dict[str, float]) -> Section:
    series = tuple(Series(part, (size,)) for part, size in measured.items())
    return Section(f"sizing-{name}", f"{title}, {keys:,} keys", "bytes", series[0].name, series, ())
