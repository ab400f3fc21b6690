"""Admin pages with a million keys: their times compared with an empty page, and whether the query count is constant."""

import sys
from collections.abc import Mapping
from statistics import quantiles
from typing import Any, Final

from benchmarks.admin_paths import EMPTY_PAGE, FEW_KEYS
from benchmarks.condition import Condition
from benchmarks.databases import postgresql, sqlite
from benchmarks.installation import probe
from benchmarks.section import Section
from benchmarks.series import Series

KEYS: Final = 1_000_000
QUICK_KEYS: Final = 20_000


def sections(*, quick: bool) -> list[Section]:
    """Measure times and query counts on SQLite, and on PostgreSQL if a server is available; return the sections."""
    keys = QUICK_KEYS if quick else KEYS
    found = []
    with sqlite() as url:
        found += of_database("SQLite", keys, _probe(url, keys, quick=quick))
    with postgresql() as server:
        if server is None:
            print("No PostgreSQL answers: the admin is measured on SQLite alone.", file=sys.stderr)
        else:
            found += of_database("PostgreSQL", keys, _probe(server, keys, quick=quick))
    return found


def of_database(database: str, keys: int, measured: Mapping[str, Any]) -> list[Section]:
    """Return the sections of one database from the probe's measurements."""
    return [
        *(_times(database, keys, measured["rounds"], percent) for percent in (50, 95)),
        _queries(database, keys, measured["few"], measured["many"]),
    ]


def _times(database: str, keys: int, rounds: Mapping[str, list[list[float]]], percent: int) -> Section:
    series = tuple(
        Series(page, tuple(_percentile(taken, percent) for taken in of_page)) for page, of_page in rounds.items()
    )
    title = f"The admin's pages at {keys:,} keys in {database}, p{percent}"
    return Section(f"admin-{database.lower()}-p{percent}", title, "ms", EMPTY_PAGE, series, ())


def _queries(database: str, keys: int, few: Mapping[str, int], many: Mapping[str, int]) -> Section:
    conditions = tuple(
        Condition(f"{page}: queries at {keys:,} keys less those at {FEW_KEYS:,}", many[page] - few[page], "==", 0)
        for page in many
    )
    series = tuple(Series(page, (float(few[page]), float(number))) for page, number in many.items())
    title = f"Queries of the admin's pages at {FEW_KEYS:,} and at {keys:,} keys in {database}"
    return Section(f"admin-{database.lower()}-queries", title, "queries", EMPTY_PAGE, series, conditions)


def _probe(url: str, keys: int, *, quick: bool) -> dict[str, Any]:
    """Run `benchmarks.admin_probe` on that database, and return its measurements."""
    rounds, requests = (3, 20) if quick else (11, 40)
    measured: dict[str, Any] = probe("benchmarks.admin_probe", keys, rounds, requests, database=url)
    print(f"Filling {keys:,} keys took {measured['fill_seconds']:.0f} s", file=sys.stderr)
    return measured


def _percentile(milliseconds: list[float], percent: int) -> float:
    return quantiles(milliseconds, n=100, method="inclusive")[percent - 1]
