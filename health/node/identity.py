"""Node: a host with its own DATA_DIR, and an ID that it keeps across restarts."""

import fcntl
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

NODE_FILE: Final = "node"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `id` is made once for a DATA_DIR and kept there; `host` is the host's name, for people to read."""

    id: str
    host: str

    @classmethod
    def claim(cls, data_dir: Path) -> "Node | None":
        """Return the node of `data_dir`, which no other process may watch until this one ends.

        Return None if another process watches it. Raises OSError.
        """
        # The descriptor stays open, because it holds the lock until the process ends.
        descriptor = os.open(data_dir / NODE_FILE, _OPEN, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(_kept_id(descriptor), socket.gethostname())

    @classmethod
    def nameless(cls) -> "Node":
        """Return a node whose ID isn't kept: what it reports expires after it has ended."""
        return cls(uuid4().hex, socket.gethostname())


def _kept_id(descriptor: int) -> str:
    """Return the ID in the file, or write a new one if it has none."""
    kept = os.pread(descriptor, 64, 0).decode("ascii", errors="replace").strip()
    if _ID.fullmatch(kept):
        return kept
    made = uuid4().hex
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{made}\n".encode(), 0)
    return made
