"""The embedded store's file when things go wrong with it."""

import errno
import os
from pathlib import Path

import pytest

from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, LmdbStore, lmdb_file
from ratelimit.stores import lmdb as lmdb_store

LIMIT = Limit(2, 3600)


def test_file_is_private_and_reserved_on_disk(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", LIMIT)
    data = (tmp_path / "b" / "data.mdb").stat()
    assert data.st_mode & 0o777 == 0o600
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
    assert data.st_blocks * 512 >= lmdb_file.INITIAL_SIZE
    store.close()


def test_map_grows_when_full_and_other_processes_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_file, "INITIAL_SIZE", 1 << 20)
    store = LmdbStore(tmp_path / "b")
    for number in range(20_000):
        store.take(f"k{number}".encode(), LIMIT)
    assert (tmp_path / "b" / "data.mdb").stat().st_size > 1 << 20
    assert sum(1 for _ in store.usage()) == 20_000
    assert store.peek(b"k0").allowed == 1
    store.close()


def test_full_disk_is_an_error_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_file, "INITIAL_SIZE", 1 << 20)
    store = LmdbStore(tmp_path / "b")
    store.take(b"first", LIMIT)

    def no_room(path: Path, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lmdb_store, "reserve", no_room)
    with pytest.raises(BucketStoreError, match="No space left"):
        for number in range(20_000):
            store.take(f"k{number}".encode(), LIMIT)
    assert store.take(b"first", LIMIT)[0]
    store.close()


@pytest.mark.parametrize("damage", [b"", b"garbage" * 1000, b"\0" * 8192])
def test_damaged_file_is_set_aside_and_replaced(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "b"
    path.mkdir()
    (path / "data.mdb").write_bytes(damage)
    store = LmdbStore(path)
    assert store.take(b"k", LIMIT)[0]
    aside = list(tmp_path.glob("b.corrupt-*"))
    if damage:
        assert len(aside) == 1
        assert (aside[0] / "data.mdb").read_bytes()[: len(damage)] == damage
    store.close()


def test_file_damaged_under_way_is_replaced(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    generation = store.generation()
    with (tmp_path / "b" / "data.mdb").open("r+b") as file:
        file.write(b"\xff" * (1 << 16))
    assert store.take(b"k", LIMIT)[0]
    assert list(tmp_path.glob("b.corrupt-*"))
    assert store.generation() != generation
    store.close()


def test_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = LmdbStore(tmp_path / "file" / "b")
    with pytest.raises(BucketStoreError, match="cannot be opened"):
        store.take(b"k", LIMIT)
