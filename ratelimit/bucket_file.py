"""Constants of an `lmdb://` bucket file: file names, sizes and the keys of the store's own entries."""

from pathlib import Path
from typing import Final

DATA_FILE: Final = "data.mdb"
LOCK_FILE: Final = "lock.mdb"
# The map has its final size from the start: growing it means replacing the map, which is unsafe while other
# threads use it (ADR 4). The file is sparse: it shows this size, but only occupies the space that is reserved.
MAP_SIZE: Final = 64 << 30
MAX_READERS: Final = 1024

# Keys of rate limit records never begin with NUL, so these entries sort before all of them and a scan can skip
# them.
GENERATION_KEY: Final = b"\x00generation"
LAYOUT_KEY: Final = b"\x00layout"
LOCK_KEY: Final = b"\x00lock"
POLICY_KEY: Final = b"\x00policy"
PROBE_KEY: Final = b"\x00probe"
REBUILT_KEY: Final = b"\x00rebuilt"

LAYOUT: Final = b"1"


def lock_file_identity(path: Path) -> bytes:
    """Return the value to store under LOCK_KEY: the inode and size of the lock file in the directory `path`.

    The value identifies which lock file belongs to the data file while processes use both. Raises OSError if
    `path` has no lock file.
    """
    found = (path / LOCK_FILE).stat()
    return b"%d %d" % (found.st_ino, found.st_size)
