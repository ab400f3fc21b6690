"""The admin's pages with a million keys: their time compared with an empty page's, and the number of their queries.

`python -m benchmarks.admin KEYS ROUNDS REQUESTS` fills the database that the environment names, measures, and prints
JSON.
"""

import gc
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from benchmarks.databases import postgresql
from benchmarks.installation import environment
from benchmarks.measurement import Condition, Section, Series
from benchmarks.servers import output_of
from tests.support.ports import free_port

if TYPE_CHECKING:
    # It needs Django to be set up.
    from tests.support.admin_browser import AdminBrowser

KEYS: Final = 1_000_000
QUICK_KEYS: Final = 60_000
# More than the overview counts for each page.
FEW_KEYS: Final = 30_000
EMPTY_PAGE: Final = "empty page"
BOUND: Final = 3


def sections(*, quick: bool) -> list[Section]:
    """Measure times and queries on SQLite, and on PostgreSQL if a server responds."""
    keys, rounds, requests = (QUICK_KEYS, 3, 60) if quick else (KEYS, 5, 60)
    command = [sys.executable, "-m", "benchmarks.admin", str(keys), str(rounds), str(requests)]
    found = []
    with TemporaryDirectory(prefix="latchkey-bench-") as directory, postgresql() as server:
        settings = environment(Path(directory), free_port(), 1) | {"DJANGO_SETTINGS_MODULE": "controlplane.settings"}
        urls = {"SQLite": settings["DATABASE_URL"]} | ({"PostgreSQL": server} if server else {})
        for database, url in urls.items():
            measured = json.loads(output_of(command, settings | {"DATABASE_URL": url}))
            found += of_database(database, keys, measured)
    return found


def of_database(database: str, keys: int, measured: Mapping[str, Any]) -> list[Section]:
    """Return the sections of one database. `measured` has the queries with `few` and `many` keys by page, and the
    milliseconds of each request by page and round.
    """
    name, pages = f"admin-{database.lower()}", f"The admin's pages with {keys:,} keys in {database}"
    p50, p95 = (
        Section(f"{name}-p{at}", f"{pages}, p{at}", "ms", EMPTY_PAGE, _percentiles(measured["rounds"], at))
        for at in (50, 95)
    )
    slowest, times = max(p95.ratios().items(), key=itemgetter(1))
    p95 = replace(p95, conditions=[Condition(f"{slowest}, p95 over that of the empty page", times, "<=", BOUND)])
    few, many = measured["few"], measured["many"]
    conditions = [
        Condition(f"{page}: queries with {keys:,} keys minus those with {FEW_KEYS:,}", many[page] - few[page], "==", 0)
        for page in many
    ]
    queries = [Series(page, (float(few[page]), float(many[page]))) for page in many]
    title = f"Queries of the admin's pages with {FEW_KEYS:,} and {keys:,} keys in {database}"
    return [p50, p95, Section(f"{name}-queries", title, "queries", EMPTY_PAGE, queries, conditions)]


def _percentiles(rounds: Mapping[str, Sequence[Sequence[float]]], at: int) -> list[Series]:
    return [
        Series(page, tuple(quantiles(taken, n=100, method="inclusive")[at - 1] for taken in of_page))
        for page, of_page in rounds.items()
    ]


def main(keys: int, rounds: int, requests: int) -> None:
    import_module("django").setup()
    from django.core.management import call_command
    from django.db import connection

    from console.demo_data.synthetic_keys import fill
    from tests.support.admin_browser import AdminBrowser

    call_command("migrate", verbosity=0)
    browser = AdminBrowser()
    fill(0, FEW_KEYS)
    few = {page: browser.queries(path) for page, path in browser.paths(FEW_KEYS).items()}
    began = time.perf_counter()
    fill(FEW_KEYS, keys)
    print(f"Filling {keys:,} keys took {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if connection.vendor == "postgresql":
        # Autovacuum does it a minute after so many writes.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    paths = browser.paths(keys)
    many = {page: browser.queries(path) for page, path in paths.items()}
    # As a worker does before it serves: otherwise a full collection of everything that Django and the filling of the
    # database loaded would fall into some page, and add more to it than the page takes.
    gc.collect()
    gc.freeze()
    measured = [_round(browser, paths, requests) for _ in range(rounds)]
    json.dump(
        {"few": few, "many": many, "rounds": {page: [one[page] for one in measured] for page in paths}}, sys.stdout
    )


def _round(browser: "AdminBrowser", paths: Mapping[str, str], requests: int) -> dict[str, list[float]]:
    """Return the milliseconds of so many requests of each page, made in turn.

    If they were made page by page, half a second in which the machine is busy elsewhere would be the p95 of one page.
    """
    taken: dict[str, list[float]] = {page: [] for page in paths}
    for _ in range(requests):
        for page, path in paths.items():
            taken[page].append(browser.milliseconds(path))
    return taken


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
