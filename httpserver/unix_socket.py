"""Unix listening socket: created with its mode and group, and removed only by the server that created it."""

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

UNIX_PEER: Final = "unix"
"""Client address of every connection through a Unix socket. No TCP connection has such an address."""
MAX_PATH_BYTES: Final = 107
_CONNECT_SECONDS: Final = 1.0
_LOCK_SECONDS: Final = 3.0

# Device and inode of each socket file that this process created. Forked processes inherit it.
_created: dict[str, tuple[int, int]] = {}


class NotFree(OSError):
    """The path can't be used for a new socket. `strerror` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


def require_free(path: str) -> None:
    """Raise OSError, with the reason in `strerror`, unless a socket can be created at `path`.

    The socket file of a server that has ended doesn't matter: `listen` replaces it.
    """
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise NotFree(f"the path is longer than {MAX_PATH_BYTES} bytes")
    directory = Path(path).parent
    if not directory.is_dir():
        raise NotFree(f"{directory} is not a directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise NotFree(f"{directory} is not writable for this account")
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(Path(path).lstat().st_mode):
            raise NotFree("it is a file, not a socket")
        if _has_listener(path):
            raise NotFree("a server listens there")


def listen(path: str, *, mode: int, group_id: int | None, backlog: int) -> socket.socket:
    """Return a socket that listens on `path`. Raise OSError.

    Call it while the process has a single thread, because it sets the umask for a moment.
    """
    with _locked(Path(path).parent):
        require_free(path)
        Path(path).unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The umask, not chmod(): the file is never accessible to more accounts than it should be.
            before = os.umask(0o777 & ~mode)
            try:
                listening.bind(path)
            finally:
                os.umask(before)
            found = Path(path).lstat()
            _created[path] = (found.st_dev, found.st_ino)
            if group_id is not None:
                _give_to_group(path, group_id)
            listening.listen(backlog)
        except OSError:
            remove(path)
            listening.close()
            raise
    return listening


def remove(path: str) -> None:
    """Remove the socket file if this process, or the one it was forked from, created it. It may be gone already."""
    with suppress(OSError):
        found = Path(path).lstat()
        # After a restart by hand, the file may belong to another server.
        if _created.get(path) == (found.st_dev, found.st_ino):
            Path(path).unlink()


def _give_to_group(path: str, group_id: int) -> None:
    try:
        os.chown(path, -1, group_id, follow_symlinks=False)
    except PermissionError:
        raise NotFree(f"this account is not a member of the group {group_id} of SOCKET_GROUP") from None


def _has_listener(path: str) -> bool:
    """Return whether a process listens on a socket file. Raise OSError if that can't be determined."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        # Its queue is full.
        except (TimeoutError, BlockingIOError):
            return True
    return True


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep two servers that start at the same time from replacing each other's socket."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    until = time.monotonic() + _LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            # Any account that can read the directory can hold this lock, so don't wait forever.
            except BlockingIOError:
                if time.monotonic() > until:
                    raise NotFree(f"another process has locked {directory}") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
