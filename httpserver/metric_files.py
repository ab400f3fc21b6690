"""Metric files: each process of a server writes its values to a file, and a scrape of any worker adds them up."""

import mmap
import os
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, BinaryIO, Final

import structlog
from prometheus_client.mmap_dict import MmapedDict

INITIAL_BYTES: Final = 1 << 18
RETRY_SECONDS: Final = 10.0
_HEADER_BYTES: Final = 8

log = structlog.get_logger(__name__)


class MetricFile(MmapedDict):
    """prometheus_client's metric file, with disk space reserved for every byte before it is written.

    If no space can be reserved, the process continues in memory, which a scrape does not see, and tries to return
    to the disk every RETRY_SECONDS. Once it succeeds, the file contains everything that was counted.
    """

    _f: BinaryIO
    _m: mmap.mmap
    _used: int
    _capacity: int

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._path = Path(filename)
        self._moving = Lock()
        self._retry_at = 0.0
        try:
            with self._path.open("ab") as file:
                # The file is mapped into memory and sparse. Writing to a page for which the disk has no room would
                # kill the process with SIGBUS, so the space is reserved first.
                os.posix_fallocate(file.fileno(), 0, max(INITIAL_BYTES, file.tell()))
        except OSError as error:
            _drop_if_empty(self._path)
            descriptor = os.memfd_create(self._path.name)
            os.ftruncate(descriptor, INITIAL_BYTES)
            super().__init__(f"/proc/self/fd/{descriptor}")  # type: ignore[no-untyped-call]
            os.close(descriptor)
            self._count_in_memory(error)
        else:
            super().__init__(filename)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        """Add `key` after making room for it, as prometheus_client does."""
        with self._moving:
            # Size of an entry: the key's bytes, 4 for its length, 8 for the value, 8 for its timestamp, and up to
            # 8 of padding.
            if self._used + len(key.encode()) + 28 > self._capacity:
                self._grow()
            super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        try:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        except OSError as error:
            self._move(os.fdopen(os.memfd_create(self._path.name), "r+b"))
            self._count_in_memory(error)

    def _move(self, file: BinaryIO) -> None:
        """Continue in `file`. Raise OSError if the disk has no room for it."""
        try:
            os.posix_fallocate(file.fileno(), 0, self._capacity)
        except OSError:
            file.close()
            raise
        moved = mmap.mmap(file.fileno(), self._capacity)
        # Write the header last. It says how many bytes are in use, and a scrape may read the file meanwhile.
        moved[_HEADER_BYTES:] = self._m[_HEADER_BYTES:]
        moved[:_HEADER_BYTES] = self._m[:_HEADER_BYTES]
        self._f.close()
        # Don't close the old map: other threads may be about to write to it.
        self._f, self._m = file, moved

    def _count_in_memory(self, error: OSError) -> None:
        log.error("metrics_not_on_disk", file=str(self._path), reason=error.strerror)
        self._retry_at = monotonic() + RETRY_SECONDS
        # Every request writes several values, so only a process that counts in memory pays for reading the clock.
        self.write_value = self._write_value_and_return

    def _write_value_and_return(self, key: str, value: float, timestamp: float) -> None:
        if monotonic() >= self._retry_at:
            self._return_to_disk()
        MmapedDict.write_value(self, key, value, timestamp)  # type: ignore[no-untyped-call]

    def _return_to_disk(self) -> None:
        self._retry_at = monotonic() + RETRY_SECONDS
        with self._moving:
            try:
                self._move(self._path.open("a+b"))
            except OSError:
                _drop_if_empty(self._path)
                return
            self.write_value: Any = super().write_value
        log.warning("metrics_on_disk_again", file=str(self._path))


def _drop_if_empty(path: Path) -> None:
    """Remove the file if it is empty, because a scrape can't read a file without a header."""
    if path.exists() and path.stat().st_size == 0:
        path.unlink()
