"""Command `python -m benchmarks.admin_probe KEYS ROUNDS REQUESTS`.

It fills the database in DATABASE_URL, measures the admin's pages on it, and prints the results as JSON.
"""

import json
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING

import django
from django.core.management import call_command
from django.db import connection

from benchmarks.admin_paths import FEW_KEYS

if TYPE_CHECKING:
    from benchmarks.admin_browser import AdminBrowser


def main(keys: int, rounds: int, requests: int) -> None:
    """Count queries with 1,000 keys and with `keys`, and time every page `requests` times in every round."""
    django.setup()
    call_command("migrate", verbosity=0)
    # Imported here, because models can't be imported before Django is set up.
    fill = import_module("console.demo_data.synthetic_keys").fill
    browser: AdminBrowser = import_module("benchmarks.admin_browser").AdminBrowser()
    fill(0, FEW_KEYS)
    few = _queries(browser, FEW_KEYS)
    began = time.perf_counter()
    fill(FEW_KEYS, keys)
    seconds = time.perf_counter() - began
    _gather_statistics()
    measured = {"few": few, "many": _queries(browser, keys), "rounds": _rounds(browser, keys, rounds, requests)}
    print(json.dumps({**measured, "fill_seconds": seconds}))


def _queries(browser: "AdminBrowser", keys: int) -> dict[str, int]:
    return {name: browser.queries(path) for name, path in browser.paths(keys).items()}


def _rounds(browser: "AdminBrowser", keys: int, rounds: int, requests: int) -> dict[str, list[list[float]]]:
    """Return the times in milliseconds by page and round."""
    pages = browser.paths(keys)
    taken: dict[str, list[list[float]]] = {name: [] for name in pages}
    # The pages take turns, so that a slow phase of the machine affects all of them.
    for _ in range(rounds):
        for name, path in pages.items():
            taken[name].append([browser.milliseconds(path) for _ in range(requests)])
    return taken


def _gather_statistics() -> None:
    """Update the planner's statistics, if the database is PostgreSQL."""
    # Autovacuum does this too, but up to a minute after the writes, in the middle of the measurement. SQLite never does
    # it automatically.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
