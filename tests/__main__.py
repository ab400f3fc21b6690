"""`python -m tests`: the suite over the embedded stores, and what touches stores once more over PostgreSQL and Redis.

With TEST_STORES it is one run of the whole suite, over the stores that it names.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from tests.selection import STORES_ONLY
from tests.stores import EMBEDDED, NEEDED, ON_SERVICES, TITLES

_NOTHING_TO_RUN: Final = 5  # of pytest's exit statuses


def main(arguments: Sequence[str]) -> int:
    """Returns pytest's exit status; of two runs that of the first that failed."""
    if os.environ.get("TEST_STORES"):
        return _run(arguments)
    first = _run(arguments, EMBEDDED)
    missing = [service for service in NEEDED if service.missing()]
    if not missing:
        second = _run([STORES_ONLY, *arguments], ON_SERVICES)
        return first or (second if second != _NOTHING_TO_RUN else 0)
    print(f"\nNothing was tested over {TITLES[ON_SERVICES]}, for want of a service:")
    for service in missing:
        print(f"{service.name}: {service.remedy}")
    return first or int(os.environ.get("REQUIRE_SERVICES") == "1")


def _run(arguments: Sequence[str], stores: str = "") -> int:
    environment = {**os.environ, "TEST_STORES": stores} if stores else os.environ
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
