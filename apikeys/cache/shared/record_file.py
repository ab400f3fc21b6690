"""Record file: a header and pages on disk, for all processes of a host. It knows bytes, and trusts none of them.

Pages are read and written with `pread` and `pwrite`. So whatever is in the file, and whatever happens to it meanwhile,
a read returns bytes or raises OSError. It never ends the process, as a page of a memory map can.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final
from zlib import crc32

PAGE_BYTES: Final = 4096
# 256 MiB with the page of the header, if all are used. The file is sparse.
PAGES: Final = 65_535

# The last space of a disk is for the database and the buckets.
MIN_FREE_BYTES: Final = 256 << 20

# Linux has it, and macOS, where people try Latchkey, has not.
_NOWAIT: Final = getattr(os, "RWF_NOWAIT", 0)


class RecordFile:
    """The file at `path`, opened by `open`. Any thread may read it, and the holder of `exclusive` write it.

    A key has one page, which other keys share.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._lock = Lock()

    def open(self) -> None:
        """Open the file, or create it (mode 0600), unless the file at the path is open already. Raises OSError.

        While a thread writes, this does nothing: closing a file ends its lock, and the change feed, which calls this,
        must not wait for a disk that doesn't respond.
        """
        if self._lock.acquire(blocking=False):
            try:
                if not self._is_open():
                    self._open()
            finally:
                self._lock.release()

    def read_header(self, size: int) -> bytes:
        """Return the first `size` bytes, or fewer if the file is shorter. Raises OSError."""
        return os.pread(self._descriptor, size, 0)

    def read_page(self, key_id: str) -> bytes:
        """Return the page of the key, or fewer bytes if the file is shorter. Raises OSError."""
        return os.pread(self._descriptor, PAGE_BYTES, _offset(key_id))

    def read_page_in_memory(self, key_id: str) -> bytes:
        """Return the page of the key like `read_page`, but raise BlockingIOError if the kernel would have to read it
        from the disk. Where the kernel doesn't say so, it reads.
        """
        page = bytearray(PAGE_BYTES)
        try:
            size = os.preadv(self._descriptor, [page], _offset(key_id), _NOWAIT)
        except BlockingIOError:
            raise
        except OSError:
            return self.read_page(key_id)
        return bytes(page[:size])

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Try to become the only writer of the block, and return whether that succeeded.

        It doesn't wait: a process that is stopped within the block would stop all others. The kernel ends the lock of a
        process that dies.
        """
        # The kernel's lock excludes other processes, and not other threads.
        if not self._lock.acquire(blocking=False):
            yield False
            return
        try:
            is_free = self._try_lock()
            try:
                yield is_free
            finally:
                if is_free:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def has_room(self) -> bool:
        """Return whether the disk has so much free space that the file may grow. Raises OSError."""
        found = os.fstatvfs(self._descriptor)
        return found.f_bavail * found.f_frsize >= MIN_FREE_BYTES

    def write_header(self, header: bytes) -> None:
        """Write the header. Raises OSError."""
        _write(self._descriptor, header, 0)

    def write_page(self, key_id: str, page: bytes) -> None:
        """Write the page of the key. Raises OSError, for example if the disk is full."""
        _write(self._descriptor, page.ljust(PAGE_BYTES, b"\0"), _offset(key_id))

    def clear(self) -> None:
        """Remove everything, and give its disk space back. Raises OSError."""
        os.ftruncate(self._descriptor, 0)

    def _open(self) -> None:
        try:
            opened = self._create(os.O_RDWR)
        except FileNotFoundError:
            opened = self._create(os.O_RDWR | os.O_CREAT | os.O_EXCL)
        found = os.fstat(opened)
        if _is_unsafe(found):
            os.close(opened)
            self._path.unlink()
            opened = self._create(os.O_RDWR | os.O_CREAT | os.O_EXCL)
        if self._descriptor < 0:
            self._descriptor = opened
            return
        # Not closed before: another thread may be reading, and must not read a file that gets the number next.
        os.dup2(opened, self._descriptor, inheritable=False)
        os.close(opened)

    def _is_open(self) -> bool:
        """Return whether the file at the path is the open one."""
        if self._descriptor < 0:
            return False
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._descriptor))

    def _try_lock(self) -> bool:
        if self._descriptor < 0:
            return False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another process writes, or the file system has no locks.
            return False
        return True

    def _create(self, flags: int) -> int:
        return os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _is_unsafe(found: os.stat_result) -> bool:
    """Return whether others could read what is written, or would lose what they wrote under another name."""
    is_private = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return not is_private or found.st_nlink != 1


def _offset(key_id: str) -> int:
    return (1 + crc32(key_id.encode()) % PAGES) * PAGE_BYTES


def _write(descriptor: int, content: bytes, offset: int) -> None:
    if os.pwrite(descriptor, content, offset) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
