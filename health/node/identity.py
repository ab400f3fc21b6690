"""A node: a host with a DATA_DIR of its own, and the name that it keeps over restarts."""

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
    """`id` is made once for a DATA_DIR and kept there; `host` is the host's name, for people to read."""

    id: str
    host: str

    @classmethod
    def claim(cls, data_dir: Path) -> "Node | None":
        """The node of `data_dir`, over which this process alone watches until it ends; None where another process
        watches over it. Raises OSError.
        """
        descriptor = os.open(data_dir / NODE_FILE, _OPEN, 0o600)  # is left open, and holds the lock
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(_kept_id(descriptor), socket.gethostname())

    @classmethod
    def nameless(cls) -> "Node":
        """One whose id nobody keeps: what it notes lapses once it has ended."""
        return cls(uuid4().hex, socket.gethostname())


def _kept_id(descriptor: int) -> str:
    kept = os.pread(descriptor, 64, 0).decode("ascii", errors="replace").strip()
    if _ID.fullmatch(kept):
        return kept
    made = uuid4().hex
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{made}\n".encode(), 0)
    return made
