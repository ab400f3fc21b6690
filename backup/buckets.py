"""Bucket store backups: a point-in-time copy, and the check whether the current store is a continuation of a copy."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import time_ns

import lmdb

from backup.errors import BackupFailed
from backup.files import copy_durably, sync
from ratelimit.bucket import EMPTY, Record
from ratelimit.bucket_file import DATA_FILE, GENERATION_KEY, LOCK_FILE, MAP_SIZE
from ratelimit.bucket_file_check import FileState
from ratelimit.stores import BucketStoreError, LmdbStore
from ratelimit.stores.base import KEY_PREFIX
from ratelimit.stores.lmdb_check import check_file


def bucket_path(url: str) -> Path | None:
    """Return the directory of `lmdb://PATH`, or None for a store without files."""
    scheme, _, path = url.partition("://")
    return Path(path).absolute() if scheme == "lmdb" else None


def copy_buckets(path: Path, target: Path) -> str | None:
    """Copy the store at `path`, which may be in use, to the new file `target`, without its free pages.

    Return its generation, or None if there is no store. Raise BackupFailed.
    """
    if not (path / DATA_FILE).exists():
        return None
    try:
        with closing(LmdbStore(path)) as store, target.open("xb") as file:
            store.copy(file)
        with _reading(target) as copy, copy.begin() as transaction:
            return bytes(transaction.get(GENERATION_KEY, b"")).decode("ascii")
    except (BucketStoreError, lmdb.Error, OSError) as error:
        raise BackupFailed(f"The buckets in {path} cannot be copied: {error}.") from None


def store_continues(path: Path, copy: Path) -> bool:
    """Return whether the store at `path` is the one that was copied, at the time of the copy or later.

    It is if none of its counters is lower than in the copy. Such a store has more recent data than the copy. No
    other process may have it open.
    """
    try:
        if any(check_file(store, FileState.AT_REST) for store in (path, copy)):
            return False
        with (
            _reading(path) as current, _reading(copy) as copied, current.begin() as now, copied.begin() as then,
        ):  # fmt: skip
            # A store that was never used has no generation yet.
            return then.get(GENERATION_KEY) in (None, now.get(GENERATION_KEY)) and all(
                _not_lower(now.get(key, EMPTY), record) for key, record in _keys(then)
            )
    except (lmdb.Error, OSError, ValueError):
        return False


@contextmanager
def prepared_buckets(copy: Path, path: Path) -> Iterator[Callable[[], None]]:
    """Write a draft of the store into its directory. Yield a function that swaps it in and sets the old file aside.

    No other process may have the store open. Raise OSError, for example if the disk is full.
    """
    fresh = not path.exists()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The draft must be in the same directory, which may be a volume of its own: a rename doesn't cross volumes.
    draft, data = path / f".{DATA_FILE}.{time_ns()}", path / DATA_FILE

    def swap_in() -> None:
        if data.exists():
            data.rename(path / f"{DATA_FILE}.replaced-{time_ns()}")
        (path / LOCK_FILE).unlink(missing_ok=True)
        draft.rename(data)
        sync(path)

    try:
        copy_durably(copy, draft)
        yield swap_in
    finally:
        draft.unlink(missing_ok=True)
        if fresh:
            # If the draft was put in place, the directory isn't empty and stays.
            with suppress(OSError):
                path.rmdir()


@contextmanager
def _reading(path: Path) -> Iterator[lmdb.Environment]:
    """Open a store for reading: a directory with the lock table that other processes use, or a lone file without it."""
    alone = not path.is_dir()
    size = max(MAP_SIZE, path.stat().st_size)
    with closing(lmdb.open(str(path), map_size=size, subdir=not alone, readonly=True, lock=not alone)) as environment:
        yield environment


def _keys(transaction: lmdb.Transaction) -> Iterator[tuple[bytes, bytes]]:
    cursor = transaction.cursor()
    if cursor.set_range(KEY_PREFIX):
        for key, record in cursor.iternext():
            if not bytes(key).startswith(KEY_PREFIX):
                break
            yield bytes(key), bytes(record)


def _not_lower(current: bytes, copied: bytes) -> bool:
    now, then = Record.load(bytes(current)), Record.load(copied)
    return now.allowed >= then.allowed and now.throttled >= then.throttled
