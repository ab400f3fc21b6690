"""A process that takes tokens of a bucket file, as a worker of a server does: restarted if it dies.

`python -m tests.ratelimit.taker PATH` does what it is asked on standard input, a line each.
"""

import subprocess
import sys
from pathlib import Path
from time import time_ns
from typing import Final

import structlog

from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, LmdbStore

BURST: Final = 5
_LIMIT: Final = Limit(BURST, 2_678_400)


class Taker:
    """Such a process. `deaths` counts how often it had to be started again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.deaths = 0
        self._process = self._start()

    def take_all(self, key: str) -> int:
        """Take tokens of the key until none is left; return how many."""
        return int(self._ask(f"take {key}"))

    def wait(self) -> None:
        """Move the process's clock by the second in which it looks at its files once."""
        self._ask("wait")

    def last_rebuild(self) -> str:
        """Return why the file was replaced last; empty if it never was."""
        return self._ask("rebuilt")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.ratelimit.taker", str(self._path)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ask(self, line: str) -> str:
        for _ in range(2):
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            if answer := self._process.stdout.readline():
                return answer.strip()
            self._process.communicate()
            self._process, self.deaths = self._start(), self.deaths + 1
        raise AssertionError(f"the process dies of {line}")


def main(path: Path) -> None:
    """Do what is asked, until standard input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    ahead_ns = 0
    store = LmdbStore(path, lambda: time_ns() + ahead_ns)
    for line in sys.stdin:
        match line.split():
            case ["take", key]:
                print(_take_all(store, key.encode()), flush=True)
            case ["wait"]:
                ahead_ns += 1_000_000_000
                print("waited", flush=True)
            case ["rebuilt"]:
                rebuilt = store.last_rebuild()
                print(rebuilt.reason if rebuilt else "", flush=True)


def _take_all(store: LmdbStore, key: bytes) -> int:
    taken = 0
    try:
        while taken < 10 * BURST and store.take(key, _LIMIT)[0]:
            taken += 1
    except BucketStoreError:
        pass  # is a 503, and lets nothing pass
    return taken


if __name__ == "__main__":
    main(Path(sys.argv[1]))
