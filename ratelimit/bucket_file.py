"""What a bucket file of `lmdb://` consists of: its names, sizes and the keys of the store's own entries."""

from pathlib import Path
from typing import Final

DATA_FILE: Final = "data.mdb"
LOCK_FILE: Final = "lock.mdb"
# The map is as large as it will ever be from the start, as one that grows has to be replaced under running threads. The
# file is sparse: it shows this size, and takes what is reserved.
MAP_SIZE: Final = 64 << 30
READERS: Final = 1024

# A key that begins with NUL sorts before all others, which never do.
GENERATION_KEY: Final = b"\x00generation"
LAYOUT_KEY: Final = b"\x00layout"
LOCK_KEY: Final = b"\x00lock"
PROBE_KEY: Final = b"\x00probe"
REBUILT_KEY: Final = b"\x00rebuilt"

LAYOUT: Final = b"1"


def lock_name(path: Path) -> bytes:
    """Return the value of LOCK_KEY: which lock file belongs to the data file while processes use both, and its size.
    Raises OSError if the directory `path` has none.
    """
    found = (path / LOCK_FILE).stat()
    return b"%d %d" % (found.st_ino, found.st_size)
