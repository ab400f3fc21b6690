"""Digests that a file has had so far, with the line of each, in bounded memory."""

import sqlite3
from typing import Final

_CACHE_KIB: Final = 16_384


class SeenDigests:
    """Set of digests. What exceeds 16 MiB is in a temporary file, which SQLite deletes."""

    def __init__(self) -> None:
        # The empty name: a database of this connection alone, which is written to a file only if it's large.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, digest: bytes, line: int) -> int | None:
        """Add a digest. Return the line on which it was before, or None if it's new."""
        if self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, line)).rowcount:
            return None
        found: int = self._database.execute("SELECT line FROM seen WHERE digest = ?", (digest,)).fetchone()[0]
        return found

    def close(self) -> None:
        """Delete what was added."""
        self._database.close()
