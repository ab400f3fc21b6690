"""Page of the record file: the sealed entries of a few keys, the one that was written last first."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from apikeys.cache.shared.record_file import PAGE_BYTES
from apikeys.cache.shared.seal import SEAL_BYTES

KEY_ID_BYTES: Final = 15
# The size of the entry with this number, and the key ID.
_HEAD: Final = struct.Struct(f"<H{KEY_ID_BYTES}s")
_MIN_BYTES: Final = _HEAD.size + SEAL_BYTES


class Entry(NamedTuple):
    """An entry as it is on the page. Its seal has not been checked."""

    key_id: bytes
    packed: bytes
    seal: bytes


def entries(page: bytes) -> Iterator[Entry]:
    """Yield the entries of the page, up to the first one that can't be one."""
    at, end = 0, len(page)
    while at + _MIN_BYTES <= end:
        size, key_id = _HEAD.unpack_from(page, at)
        after = at + size
        if size < _MIN_BYTES or after > end:
            return
        yield Entry(key_id, page[at + _HEAD.size : after - SEAL_BYTES], page[after - SEAL_BYTES : after])
        at = after


def with_entry(page: bytes, entry: Entry) -> bytes | None:
    """Return the page with the entry in place of the key's earlier one, or None if a page is too small for it.

    If the page is full, the entries that were written first are left out.
    """
    packed = _pack(entry)
    return (packed + without_key(page, entry.key_id, PAGE_BYTES - len(packed))) if len(packed) <= PAGE_BYTES else None


def without_key(page: bytes, key_id: bytes, max_bytes: int = PAGE_BYTES) -> bytes:
    """Return up to `max_bytes` of the other keys' entries."""
    kept, size = [], 0
    for entry in entries(page):
        if entry.key_id == key_id:
            continue
        packed = _pack(entry)
        size += len(packed)
        if size > max_bytes:
            break
        kept.append(packed)
    return b"".join(kept)


def _pack(entry: Entry) -> bytes:
    size = _MIN_BYTES + len(entry.packed)
    # A larger one fits on no page.
    return _HEAD.pack(min(size, 0xFFFF), entry.key_id) + entry.packed + entry.seal
