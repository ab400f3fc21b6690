"""Sealed file: the record file with its seal. What it returns was written by a process that has the pepper."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Final

import structlog

from apikeys.cache.records import KeyRecord, SecretRecord
from apikeys.cache.shared.packing import ReadRecord, pack, unpack
from apikeys.cache.shared.page import KEY_ID_BYTES, Entry, entries, with_entry, without_key
from apikeys.cache.shared.record_file import RecordFile
from apikeys.cache.shared.seal import HEADER_BYTES, SEAL_BYTES, Header, Seal
from latchkey.auth_context import AuthContext

log = structlog.get_logger(__name__)


class SealedFile:
    """The record file at `path`. Its methods never raise OSError: a file that doesn't work is an empty one.

    `begin`, `move`, `write` and `remove` are for the holder of `writing`.
    """

    def __init__(self, path: Path, seal: Seal) -> None:
        self._file = RecordFile(path)
        self._seal = seal
        self._known: tuple[bytes, Header | None] = (b"", None)
        self._is_reported = False

    def open(self) -> bool:
        """Open the file at the path, or create it. Return whether that succeeded."""
        try:
            self._file.open()
        except OSError as error:
            self._report(error)
            return False
        return True

    def header(self) -> Header | None:
        """Return the header, or None if there is no authentic one."""
        try:
            sealed = self._file.read_header(HEADER_BYTES)
        except OSError:
            return None
        known = self._known
        if sealed != known[0]:
            known = self._known = sealed, self._seal.unpack_header(sealed)
        return known[1]

    def find(self, key_id: str, header: Header, *, waits: bool = True) -> ReadRecord | None:
        """Return the key's record as of the header's cursor, or None if there is no authentic one of its generation, or
        if the disk would have to be read and the caller doesn't wait.

        Read the header before: an entry is as recent as the cursor, or more recent. It takes the same work whether or
        not the file has the key.
        """
        name = key_id.encode()
        if len(name) != KEY_ID_BYTES:
            return None
        try:
            page = self._file.read_page(key_id) if waits else self._file.read_page_in_memory(key_id)
            entry = next((entry for entry in entries(page) if entry.key_id == name), _DECOY)
            is_authentic = compare_digest(self._seal.of_entry(header.generation, name, entry.packed), entry.seal)
            found = unpack(key_id, (entry if is_authentic else _DECOY).packed, header.cursor.event_id)
        except (OSError, ValueError, struct.error):
            return None
        return found if is_authentic else None

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Try to become the only writer of the block, without waiting. Yield whether that succeeded.

        If the block can't write, for example because the disk is full, it ends there.
        """
        try:
            with self._file.exclusive() as is_free:
                yield is_free
        except OSError as error:
            self._report(error)

    def has_room(self) -> bool:
        """Return whether records may be written. Raises OSError."""
        return self._file.has_room()

    def begin(self, header: Header) -> None:
        """Remove all entries, and begin with this header. Raises OSError."""
        self._file.clear()
        self._file.write_header(self._seal.pack_header(header))

    def move(self, header: Header) -> None:
        """Write the header, after the entries that it outdates were removed. Raises OSError."""
        self._file.write_header(self._seal.pack_header(header))

    def write(self, record: KeyRecord, read_at: float, generation: bytes) -> None:
        """Write the record as the key's entry, unless it is invalid or too large for a page. Raises OSError."""
        name = record.auth.key_id.encode()
        if len(name) != KEY_ID_BYTES:
            return
        try:
            packed = pack(record, read_at)
        except (ValueError, TypeError):
            # A row that was changed by hand may have a scope that isn't text.
            return
        entry = Entry(name, packed, self._seal.of_entry(generation, name, packed))
        page = with_entry(self._file.read_page(record.auth.key_id), entry)
        if page is not None:
            self._file.write_page(record.auth.key_id, page)

    def remove(self, key_id: str) -> None:
        """Remove the key's entry, if there is one. Raises OSError."""
        page = self._file.read_page(key_id)
        name = key_id.encode()
        if any(entry.key_id == name for entry in entries(page)):
            self._file.write_page(key_id, without_key(page, name))

    def _report(self, error: OSError) -> None:
        if not self._is_reported:
            self._is_reported = True
            log.warning("record_file_not_used", error=str(error))


def _decoy() -> Entry:
    record = KeyRecord(
        auth=AuthContext("", "decoy", "decoy", frozenset(["decoy:read"])),
        limit=None,
        enabled=False,
        revoked=True,
        expires_at=None,
        metadata={},
        secrets=(SecretRecord(bytes(32), "decoy", 0, None),),
        epoch=0,
        as_of=0,
    )
    return Entry(bytes(KEY_ID_BYTES), pack(record, 0.0), bytes(SEAL_BYTES))


_DECOY: Final = _decoy()
