"""Check of a whole bucket file, run as `python -m ratelimit.bucket_file_check PATH HOW` in a child process that may
crash.

LMDB trusts its file. If a power cut or another program damaged it, LMDB aborts, crashes, loops or fails for some
keys only. So a process opens a file only after a child process has read all of it (ADR 10). This module imports
only what loads quickly, because each start of a process runs it.
"""

import errno
import operator
import resource
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import lmdb
from lmdb.verify import verify

from ratelimit import bucket, counters, open_reservations, reservation_record, unit_counters
from ratelimit.bucket_file import (
    DATA_FILE,
    LAYOUT,
    LAYOUT_KEY,
    LOCK_FILE,
    LOCK_KEY,
    MAP_SIZE,
    MAX_READERS,
    lock_file_identity,
)
from ratelimit.claim import KEY_COUNTER_PREFIX, OWNER_PREFIX
from ratelimit.open_reservations import OPEN_PREFIX
from ratelimit.quota_grants import GRANT_PREFIX
from ratelimit.reservation import END_PREFIX, RESERVATION_PREFIX
from ratelimit.unit_counters import UNIT_PREFIX

SOUND: Final = 0
DAMAGED: Final = 10
_MIN_CPU_SECONDS: Final = 2
# 4 to 10 times slower than every machine that we measured.
_BYTES_PER_SECOND: Final = 16 << 20
# The time limit is this many times the CPU limit: the file may be on a slow disk, or the machine may be busy.
_WALL_CLOCK_FACTOR: Final = 10
# The unit of st_blocks, whatever block size the file system uses.
_BLOCK_BYTES: Final = 512
# By the prefix of their keys, which all have the same length. Other records are those of keys and addresses.
_PLAUSIBLE: Final = {
    KEY_COUNTER_PREFIX: counters.is_plausible,
    OWNER_PREFIX: counters.is_plausible,
    RESERVATION_PREFIX: reservation_record.is_plausible,
    OPEN_PREFIX: open_reservations.is_plausible,
    END_PREFIX: operator.not_,
    UNIT_PREFIX: unit_counters.is_plausible,
    GRANT_PREFIX: counters.is_plausible,
}


class FileState(StrEnum):
    """The state of the file, which decides how much can be checked.

    `AT_REST`: no process has the file open, so every byte that LMDB relies on is checked. `IN_USE`: other
    processes write to the file, so only the snapshot that a reader sees is stable and is checked.
    """

    AT_REST = "at-rest"
    IN_USE = "in-use"


def find_fault(path: Path, state: FileState) -> str:
    """Return what is wrong with the store in the directory `path`, or with a data file alone; empty if nothing is
    wrong.
    """
    problems: list[str] = verify(str(path)) if state is FileState.AT_REST else []  # type: ignore[no-untyped-call]
    if problems:
        return problems[0]
    is_file = not path.is_dir()
    with lmdb.open(
        str(path),
        map_size=max(MAP_SIZE, path.stat().st_size),
        subdir=not is_file,
        readonly=True,
        lock=state is FileState.IN_USE,
        max_readers=MAX_READERS,
    ) as environment, environment.begin() as transaction:  # fmt: skip
        return _find_lock_fault(path, bytes(transaction.get(LOCK_KEY, b"")), state) or _find_entry_fault(transaction)


def _find_lock_fault(path: Path, known: bytes, state: FileState) -> str:
    """Return what is wrong with the lock file, compared with the `known` value that its users stored; empty if
    nothing is.
    """
    try:
        found = lock_file_identity(path)
    except OSError:
        found = b""
    if found == known:
        return ""
    if state is FileState.IN_USE:
        return f"{LOCK_FILE} is not the one that other processes use"
    # At rest any lock file will do, because it is created again. But if the same file became shorter, its users
    # crashed, so the data file may be damaged too.
    return f"{LOCK_FILE} was truncated" if found and found.split()[:1] == known.split()[:1] else ""


def _find_entry_fault(transaction: lmdb.Transaction) -> str:
    last = b""
    for raw_key, value in transaction.cursor():
        key = bytes(raw_key)
        # This also ends the walk if a damaged tree leads in a circle.
        if key <= last:
            return "its keys are out of order"
        last = key
        is_plausible = _PLAUSIBLE.get(key[: len(OPEN_PREFIX)], bucket.is_plausible)
        if key[0] and not is_plausible(bytes(value)):
            return "it has an invalid record"
    if last and transaction.get(LAYOUT_KEY) != LAYOUT:
        return "its records have another layout"
    return ""


def _data_file(path: Path) -> Path:
    return path / DATA_FILE if path.is_dir() else path


def limit_resources(path: Path) -> None:
    """Limit this process to the CPU time and wall-clock time that a file of this size can take; it is killed
    beyond that.
    """
    allocated = _data_file(path).stat().st_blocks * _BLOCK_BYTES
    seconds = _MIN_CPU_SECONDS + allocated // _BYTES_PER_SECOND
    # A crash is an expected result here, so it must not leave a core dump.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    # The parent may have ignored SIGALRM, and a child inherits that.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds * _WALL_CLOCK_FACTOR)


def main(arguments: Sequence[str]) -> int:
    """Check the file that `arguments` (path, how) name. Return SOUND, or DAMAGED with the reason on standard
    output.

    Raises OSError, MemoryError or lmdb.Error if the failure says nothing about the file, such as a lack of memory.
    """
    path = Path(arguments[0])
    limit_resources(path)
    try:
        fault = find_fault(path, FileState(arguments[1]))
    except (MemoryError, lmdb.MemoryError, lmdb.ReadersFullError):
        raise
    except OSError as error:
        # EIO means that the disk cannot read the file back, so the file is lost. Other OSErrors are about the
        # machine.
        if error.errno != errno.EIO:
            raise
        fault = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a reader stumbles over, a server would too
        fault = f"{type(error).__name__}: {error}"
    print(fault, end="")
    return DAMAGED if fault else SOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
