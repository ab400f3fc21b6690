"""The sealed file: whatever is done to its bytes, it returns what was written, or nothing."""

import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apikeys.cache.records import KeyRecord
from apikeys.cache.shared import record_file
from apikeys.cache.shared.page import entries
from apikeys.cache.shared.record_file import PAGE_BYTES, PAGES
from apikeys.cache.shared.seal import HEADER_BYTES, Header, Seal
from apikeys.cache.shared.sealed_file import SealedFile
from events.feed import Cursor
from latchkey.peppers import parse_peppers
from tests.apikeys.cache.shared.test_packing import EMPTY, FULL

PEPPERS = parse_peppers("p1:" + "11" * 32)
GENERATION = b"g" * 16
HEADER = Header(GENERATION, Cursor(7, "ab" * 32, is_stored=True))
RECORD = replace(FULL, metadata={})
OTHER = replace(RECORD, auth=replace(RECORD.auth, key_id="lk_ba9876543210"))


def opened(path: Path, seal: Seal | None = None) -> SealedFile:
    file = SealedFile(path, seal or Seal(PEPPERS, "boot"))
    assert file.open()
    return file


def written(path: Path, *records: KeyRecord) -> SealedFile:
    file = opened(path)
    with file.writing() as is_free:
        assert is_free
        file.begin(HEADER)
        for record in records:
            file.write(record, 5.0, GENERATION)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys share a page."""
    monkeypatch.setattr(record_file, "PAGES", 1)


def found(file: SealedFile, record: KeyRecord = RECORD) -> KeyRecord | None:
    read = file.find(record.auth.key_id, HEADER)
    return read and replace(read.record, as_of=read.read_up_to)


def test_another_process_finds_what_was_written(path: Path) -> None:
    written(path, RECORD, OTHER)
    file = opened(path)
    assert file.header() == HEADER
    assert file.find(RECORD.auth.key_id, HEADER) == (replace(RECORD, as_of=7), 5.0, RECORD.as_of)
    assert found(file, OTHER) == OTHER
    assert found(file, EMPTY) == RECORD, "the same key ID"
    assert file.find("lk_000000000000", HEADER) is None
    assert file.find("", HEADER) is file.find("é" * 15, HEADER) is None
    assert file.find(RECORD.auth.key_id, HEADER._replace(generation=b"h" * 16)) is None


def test_file_is_private_and_sparse(path: Path) -> None:
    old = os.umask(0)
    try:
        written(path, RECORD)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size <= (PAGES + 1) * PAGE_BYTES == 256 << 20
    assert path.stat().st_blocks * 512 <= 64 << 10


@pytest.mark.usefixtures("one_page")
def test_no_flipped_byte_gives_another_record(path: Path) -> None:
    file = written(path, RECORD)
    sound = path.read_bytes()
    page = sound[PAGE_BYTES:]
    size = len(page.rstrip(b"\0"))
    assert size > 150
    for at in range(size):
        for mask in (0x01, 0x80, 0xFF):
            with path.open("r+b") as raw:
                raw.seek(PAGE_BYTES + at)
                raw.write(bytes([page[at] ^ mask]))
            assert found(file) is None
        with path.open("r+b") as raw:
            raw.seek(PAGE_BYTES + at)
            raw.write(page[at : at + 1])
    assert found(file) == RECORD


def test_no_flipped_byte_gives_another_header(path: Path) -> None:
    file = written(path)
    header = path.read_bytes()[:HEADER_BYTES]
    for at in range(HEADER_BYTES):
        changed = bytearray(header)
        changed[at] ^= 0x10
        with path.open("r+b") as raw:
            raw.write(changed)
        assert file.header() is None
    with path.open("r+b") as raw:
        raw.write(header)
    assert file.header() == HEADER


@pytest.mark.usefixtures("one_page")
def test_entry_of_another_key_is_not_used(path: Path) -> None:
    """Somebody without the pepper puts the entry of one key in the place of another's."""
    file = written(path, RECORD)
    content = path.read_bytes()
    path.write_bytes(content.replace(RECORD.auth.key_id.encode(), OTHER.auth.key_id.encode()))
    assert found(file, OTHER) is None
    assert found(file) is None


@pytest.mark.usefixtures("one_page")
def test_digest_of_another_key_is_not_used(path: Path) -> None:
    """Somebody without the pepper puts the digest of a key of theirs next to the scopes of another."""
    file = written(path, RECORD)
    content = path.read_bytes()
    assert RECORD.secrets[0].digest in content
    path.write_bytes(content.replace(RECORD.secrets[0].digest, b"x" * 32))
    assert found(file) is None


@pytest.mark.parametrize(
    "seal",
    [Seal(parse_peppers("p1:" + "22" * 32), "boot"), Seal(PEPPERS, "another boot")],
    ids=["another pepper", "another start of the host"],
)
def test_foreign_file_is_empty(path: Path, seal: Seal) -> None:
    written(path, RECORD)
    file = opened(path, seal)
    assert file.header() is None
    assert found(file) is None


CHANGES: dict[str, Callable[[Path], object]] = {
    "cut at the header": lambda path: os.truncate(path, 20),
    "cut to nothing": lambda path: os.truncate(path, 0),
    "cut in the page": lambda path: os.truncate(path, PAGE_BYTES + 30),
    "zeros": lambda path: path.write_bytes(bytes(2 * PAGE_BYTES)),
    "ones": lambda path: path.write_bytes(b"\xff" * 2 * PAGE_BYTES),
    "text": lambda path: path.write_bytes(b"lk_0123456789ab" * 600),
}


@pytest.mark.usefixtures("one_page")
@pytest.mark.parametrize("change", CHANGES)
def test_changed_file_is_empty_and_can_be_used_again(path: Path, change: str) -> None:
    """Also while it is open: a memory map would end the process."""
    file = written(path, RECORD)
    CHANGES[change](path)
    assert found(file) is None
    with file.writing():
        file.write(RECORD, 5.0, GENERATION)
    assert found(file) == RECORD


@pytest.mark.usefixtures("one_page")
def test_full_page_drops_what_was_written_first(path: Path) -> None:
    many = [replace(RECORD, auth=replace(RECORD.auth, key_id=f"lk_{number:012}")) for number in range(100)]
    file = written(path, *many)
    kept = [record for record in many if found(file, record) == record]
    assert kept == many[-len(kept) :]
    assert 10 <= len(kept) < 30
    assert path.stat().st_size == 2 * PAGE_BYTES


@pytest.mark.usefixtures("one_page")
def test_key_has_one_entry(path: Path) -> None:
    newer = replace(RECORD, epoch=RECORD.epoch + 1)
    file = written(path, RECORD, OTHER, newer)
    assert found(file) == newer
    assert len(list(entries(path.read_bytes()[PAGE_BYTES:]))) == 2
    with file.writing():
        file.remove(RECORD.auth.key_id)
        file.remove("lk_000000000000")
    assert found(file) is None
    assert found(file, OTHER) == OTHER
    assert RECORD.auth.key_id.encode() not in path.read_bytes(), "nothing of it is left"


@pytest.mark.usefixtures("one_page")
def test_entry_that_is_larger_than_a_page_is_not_written(path: Path) -> None:
    file = written(path, RECORD, OTHER)
    for size in (PAGE_BYTES, 60_000):
        with file.writing():
            file.write(replace(RECORD, metadata={"x": "y" * size}), 5.0, GENERATION)
    assert found(file, OTHER) == OTHER


@pytest.mark.usefixtures("one_page")
def test_record_of_a_row_that_was_changed_by_hand_is_not_written(path: Path) -> None:
    """Others are read together with it."""
    scopes: frozenset[Any] = frozenset([5])
    file = written(path, replace(OTHER, auth=replace(OTHER.auth, scopes=scopes)), RECORD)
    assert found(file, OTHER) is None
    assert found(file) == RECORD


def test_only_one_writes_and_none_waits(path: Path) -> None:
    """The lock may be held by a process that was stopped."""
    file, other = written(path), opened(path)
    with file.writing(), file.writing() as by_a_thread, other.writing() as by_a_process:
        assert (by_a_thread, by_a_process) == (False, False)
    with path.open("rb") as raw:
        fcntl.flock(raw, fcntl.LOCK_EX)
        with file.writing() as is_free:
            assert not is_free
    with other.writing() as is_free:
        assert is_free


def test_file_stays_open_while_a_thread_writes(path: Path) -> None:
    """The thread may wait for the disk, and the change feed must not wait for the thread."""
    file = written(path, RECORD)
    with file.writing():
        path.unlink()
        assert file.open()
        assert not path.exists()
    assert file.open()
    assert path.exists()


def test_new_generation_keeps_nothing(path: Path) -> None:
    file = written(path, RECORD)
    with file.writing():
        file.begin(HEADER)
    assert found(file) is None
    assert path.stat().st_size == HEADER_BYTES


def test_file_that_was_removed_is_made_again(path: Path) -> None:
    file = written(path, RECORD)
    path.unlink()
    assert found(file) == RECORD
    assert file.open()
    assert file.header() is None
    assert path.exists()


@pytest.mark.parametrize("kind", ["readable by others", "fifo", "another name of a file"])
def test_unsafe_file_is_replaced(path: Path, kind: str) -> None:
    elsewhere = path.parent / "elsewhere"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "another name of a file":
        elsewhere.write_bytes(b"of somebody else")
        elsewhere.chmod(0o600)
        path.hardlink_to(elsewhere)
    else:
        path.write_bytes(b"old")
        path.chmod(0o644)
    written(path, RECORD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.is_file()
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"of somebody else"


@pytest.mark.parametrize("kind", ["symbolic link", "directory", "no directory"])
def test_place_that_cannot_be_used_is_reported_once(path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    elsewhere = path.parent / "elsewhere"
    elsewhere.write_bytes(b"of somebody else")
    elsewhere.chmod(0o600)
    if kind == "symbolic link":
        path.symlink_to(elsewhere)
    elif kind == "directory":
        path.mkdir()
    else:
        path = path / "no" / "records"
    file = SealedFile(path, Seal(PEPPERS, "boot"))
    assert not file.open()
    assert not file.open()
    assert file.header() is None
    assert found(file) is None
    with file.writing() as is_free:
        assert not is_free
    assert elsewhere.read_bytes() == b"of somebody else"


def test_full_disk_is_a_file_without_the_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(path, RECORD)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for pwrite in (full, lambda *_: 3):
        monkeypatch.setattr(os, "pwrite", pwrite)
        with file.writing():
            file.write(OTHER, 5.0, GENERATION)
    assert found(file) == RECORD
    assert found(file, OTHER) is None
