"""`python -m tests [--all | --failed] [ARGUMENTS OF PYTEST]`: run the fast tests, every test, or those that failed last.

Without an option: the tests that are not marked `slow`, over SQLite and lmdb. A path among the arguments selects all of
its tests, in one process, so that the first result comes soon. With TEST_STORES: one run, over the stores that it names.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.second_run import SecondRun
from tests.support.selection import FAST, STORES_ONLY
from tests.support.services import must_be_there
from tests.support.stores import EMBEDDED, NEEDED, ON_SERVICES, TITLES

ALL: Final = "--all"
FAILED: Final = "--failed"
_NOTHING_TO_RUN: Final = 5  # of pytest's exit statuses
# Many tests wait, for a server that starts or an outage that ends: others use the processor meanwhile.
_PROCESSES: Final = (os.cpu_count() or 1) + 1
# The remote command, the proxies and generated clients see a server's responses and none of its stores.
# TEST_STORES=services runs them too.
_NO_STORES: Final = tuple(
    f"--ignore=tests/{path}" for path in ("latchkey/cli", "gateway/proxies", "openapi/test_tools.py")
)


def main(arguments: Sequence[str]) -> int:
    """Return the exit status of pytest, or of the first run that failed if there are two."""
    wanted, given = arguments[:1], list(arguments[1:])
    if wanted == [ALL]:
        return _everything(given, _PROCESSES)
    if wanted == [FAILED]:
        return _everything(["--last-failed", "--last-failed-no-failures=none", *given], 0)
    given = list(arguments)
    tier = [] if _names_a_path(given) else [FAST]
    return _run([*tier, *_parallel(given, _PROCESSES), *given])


def _everything(arguments: list[str], processes: int) -> int:
    """Run over SQLite and lmdb, and at the same time what touches stores over PostgreSQL and Redis: while one run waits,
    the other computes. What the second one writes comes after the first one's output.
    """
    parallel = [*_parallel(arguments, processes), *arguments]
    if os.environ.get("TEST_STORES"):
        return _run(parallel)
    missing = [service for service in NEEDED if service.missing()]
    if not missing:
        python = os.environ.get("SERVICES_PYTHON", sys.executable)
        with SecondRun(
            *_pytest([STORES_ONLY, *_NO_STORES, *_parallel(arguments, processes - 1), *arguments], ON_SERVICES, python)
        ) as second:
            statuses = _run(parallel, EMBEDDED), _status(second.finish(), arguments)
        return statuses[0] or statuses[1]
    first = _run(parallel, EMBEDDED)
    print(f"\nNothing was tested over {TITLES[ON_SERVICES]}, because a service is missing:")
    for service in missing:
        print(f"{service.name}: {service.remedy}")
    return first or int(must_be_there())


def _parallel(given: list[str], processes: int) -> list[str]:
    """The options that share the tests among processes, file by file, in the order in which they are collected."""
    if (
        processes < 1
        or _names_a_path(given)
        or any(argument.startswith(("-n", "--numprocesses")) for argument in given)
    ):
        return []
    return ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]


def _names_a_path(given: list[str]) -> bool:
    return any(Path(argument.partition("::")[0]).exists() for argument in given)


def _run(arguments: Sequence[str], stores: str = "") -> int:
    """Run pytest once. Each pair of stores remembers for itself what failed."""
    command, environment = _pytest(arguments, stores or os.environ.get("TEST_STORES") or EMBEDDED, sys.executable)
    return _status(subprocess.run(command, env=environment, check=False).returncode, arguments)


def _pytest(arguments: Sequence[str], stores: str, python: str) -> tuple[list[str], dict[str, str]]:
    """Return the command of a run over a pair of stores, and its environment."""
    environment = {**os.environ, "TEST_STORES": stores}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile every test and every module again
    return [python, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{stores}", *arguments], environment


def _status(status: int, arguments: Sequence[str]) -> int:
    return 0 if status == _NOTHING_TO_RUN and not _names_a_path(list(arguments)) else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
