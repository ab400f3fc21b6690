"""Seal of the record file: a keyed BLAKE2b over its header and over each entry, under a key derived from the pepper.

A process without the pepper can't write anything that is used. The key also depends on the layout, on the release, and
on the start of the host: what was written before it may be lost in part, and its times are of another clock.
"""

import struct
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Final, NamedTuple

from events.feed import Cursor
from latchkey import __version__
from latchkey.peppers import Peppers

LAYOUT: Final = 1
SEAL_BYTES: Final = 16
GENERATION_BYTES: Final = 16
_HEADER: Final = struct.Struct(f"<{GENERATION_BYTES}sQ?64s")
HEADER_BYTES: Final = _HEADER.size + SEAL_BYTES
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Header(NamedTuple):
    """The header of the file: every entry of its generation is current as of `cursor`.

    Generations are random. Another one means that everything was dropped.
    """

    generation: bytes
    cursor: Cursor


class Seal:
    """Seals headers and entries of one release and one start of the host, which `boot_id` names."""

    def __init__(self, peppers: Peppers, boot_id: str) -> None:
        purpose = f"record-file:{LAYOUT}:{__version__}:{boot_id}"
        self._key = peppers.digest(purpose, peppers.current)
        # Keying takes as long as the entry itself.
        self._keyed = lru_cache(maxsize=2)(self._keyed_for)

    def pack_header(self, header: Header) -> bytes:
        """Return the sealed header."""
        cursor = header.cursor
        packed = _HEADER.pack(header.generation, cursor.event_id, cursor.is_stored, cursor.digest.encode())
        return packed + self._of_header(packed)

    def unpack_header(self, sealed: bytes) -> Header | None:
        """Return the header, or None if its seal is wrong."""
        packed = sealed[:-SEAL_BYTES]
        if len(sealed) != HEADER_BYTES or not compare_digest(self._of_header(packed), sealed[-SEAL_BYTES:]):
            return None
        generation, event_id, is_stored, digest = _HEADER.unpack(packed)
        return Header(generation, Cursor(event_id, digest.rstrip(b"\0").decode(), is_stored))

    def of_entry(self, generation: bytes, key_id: bytes, packed: bytes) -> bytes:
        """Return the seal of the entry of a key in this generation."""
        mac = self._keyed(generation).copy()
        # Key IDs all have the same length, so the parts can't be confused.
        mac.update(key_id + packed)
        return mac.digest()

    def _keyed_for(self, generation: bytes) -> blake2b:
        return blake2b(generation, key=self._key, digest_size=SEAL_BYTES, person=b"latchkey-entry")

    def _of_header(self, packed: bytes) -> bytes:
        return blake2b(packed, key=self._key, digest_size=SEAL_BYTES, person=b"latchkey-header").digest()


def read_boot_id() -> str:
    """Return the kernel's name of the start of this host. Raises OSError."""
    return _BOOT_ID.read_text().strip()
