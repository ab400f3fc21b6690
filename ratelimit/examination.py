"""`python -m ratelimit.examination PATH HOW`: reads a whole bucket file in a process of its own, which may die of it.

LMDB trusts its file: on one that a power cut left, or that something wrote into, it aborts, crashes, loops or fails for
some keys alone. So no process opens a file before a child of it has read all of that. Imports nothing that is slow.
"""

import errno
import resource
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import lmdb
from lmdb.verify import verify

from ratelimit.bucket import is_plausible
from ratelimit.bucket_file import DATA_FILE, LAYOUT, LAYOUT_KEY, LOCK_FILE, LOCK_KEY, MAP_SIZE, READERS, lock_name

SOUND: Final = 0
DAMAGED: Final = 10
_LEAST_SECONDS: Final = 2
_BYTES_A_SECOND: Final = 16 << 20  # 4 to 10 times slower than any machine that we tried
_WAITING: Final = 10  # times the processor's seconds: the file may come from a slow disk, or other work be in the way
_BLOCK: Final = 512  # the unit of st_blocks, whatever the file system's own


class How(StrEnum):
    """`AT_REST`: no process has the file open, and every byte that LMDB relies on can be checked. `IN_USE`: others
    write to it, and only what a reader sees holds still.
    """

    AT_REST = "at-rest"
    IN_USE = "in-use"


def fault_of(path: Path, how: How) -> str:
    """Return what is wrong with the store in the directory `path`, or in the lone file; empty if nothing is."""
    problems: list[str] = verify(str(path)) if how is How.AT_REST else []  # type: ignore[no-untyped-call]
    if problems:
        return problems[0]
    alone = not path.is_dir()
    with lmdb.open(
        str(path),
        map_size=max(MAP_SIZE, path.stat().st_size),
        subdir=not alone,
        readonly=True,
        lock=how is How.IN_USE,
        max_readers=READERS,
    ) as environment, environment.begin() as transaction:  # fmt: skip
        return _fault_of_lock(path, bytes(transaction.get(LOCK_KEY, b"")), how) or _fault_of_entries(transaction)


def _fault_of_lock(path: Path, known: bytes, how: How) -> str:
    """At rest any lock file will do, as it is made again; but one that was cut short has ended those that used it."""
    try:
        found = lock_name(path)
    except OSError:
        found = b""
    if found == known:
        return ""
    if how is How.IN_USE:
        return f"{LOCK_FILE} is not the one that its users share"
    return f"{LOCK_FILE} was truncated" if found and found.split()[:1] == known.split()[:1] else ""


def _fault_of_entries(transaction: lmdb.Transaction) -> str:
    last = b""
    for raw_key, value in transaction.cursor():
        key = bytes(raw_key)
        # Also the end of a walk that a damaged tree leads in circles.
        if key <= last:
            return "its keys are out of order"
        last = key
        if key[0] and not is_plausible(bytes(value)):
            return "it has a record that no store has written"
    if last and transaction.get(LAYOUT_KEY) != LAYOUT:
        return "its records are of another layout"
    return ""


def _data_file(path: Path) -> Path:
    return path / DATA_FILE if path.is_dir() else path


def bound(path: Path) -> None:
    """End this process if it works or waits for longer than a file of this size can take."""
    taken = _data_file(path).stat().st_blocks * _BLOCK
    seconds = _LEAST_SECONDS + taken // _BYTES_A_SECOND
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds * _WAITING)


def main(arguments: Sequence[str]) -> int:
    """Return SOUND, or DAMAGED with the reason on standard output. Raises what says nothing about the file."""
    path = Path(arguments[0])
    bound(path)
    try:
        fault = fault_of(path, How(arguments[1]))
    except (MemoryError, lmdb.MemoryError, lmdb.ReadersFullError):
        raise
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        fault = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a reader stumbles over, a server would too
        fault = f"{type(error).__name__}: {error}"
    print(fault, end="")
    return DAMAGED if fault else SOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
