"""The embedded store's file when things go wrong with it."""

import errno
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ratelimit.bucket import Record
from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, LmdbStore, lmdb_file
from tests.conftest import Clock

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

    monkeypatch.setattr(lmdb_file, "reserve", no_room)
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


def test_map_grows_under_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_file, "INITIAL_SIZE", 1 << 20)
    store = LmdbStore(tmp_path / "b")

    def work(thread: int) -> int:
        passed = 0
        for number in range(1500):
            passed += store.take(f"k{thread}-{number}".encode(), LIMIT)[0]
            store.peek(b"k0-0")
        return passed

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 8 * 1500
    assert sum(1 for _ in store.usage()) == 8 * 1500
    assert (tmp_path / "b" / "data.mdb").stat().st_size <= 8 << 20
    store.close()


def test_growth_by_another_process_is_adopted_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_file, "INITIAL_SIZE", 1 << 20)
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", LIMIT)
    program = """
        import sys
        from pathlib import Path
        from ratelimit.limit import Limit
        from ratelimit.stores import LmdbStore, lmdb_file
        lmdb_file.INITIAL_SIZE = 1 << 20
        store = LmdbStore(Path(sys.argv[1]))
        for number in range(20_000):
            store.take(f"o{number}".encode(), Limit(2, 3600))
    """
    run(program, tmp_path / "b")
    grown = (tmp_path / "b" / "data.mdb").stat().st_size
    assert grown > 1 << 20
    assert store.take(b"k", LIMIT)[0]
    assert not store.take(b"k", LIMIT)[0]
    assert store.peek(b"o19999").allowed == 1
    assert (tmp_path / "b" / "data.mdb").stat().st_size == grown
    store.close()


def test_reader_that_was_killed_is_tidied_away(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", None)
    program = """
        import os, sys, lmdb
        transaction = lmdb.open(sys.argv[1], map_size=64 << 20, writemap=True).begin()
        transaction.get(b"k")
        os.kill(os.getpid(), 9)
    """
    run(program, tmp_path / "b", status=-9)
    environment = store._environment
    assert environment is not None

    def pages_after(takes: int) -> int:
        for _ in range(takes):
            store.take(b"k", None)
        return int(environment.info()["last_pgno"])

    pages_after(10)
    assert pages_after(500) - pages_after(0) == 0
    held = pages_after(0)
    assert pages_after(500) > held + 500
    store.tidy()
    pages_after(10)
    freed = pages_after(0)
    assert pages_after(500) <= freed + 5
    store.close()


def test_file_set_aside_by_another_process_is_left_for_the_new_one(tmp_path: Path, clock: Clock) -> None:
    here = LmdbStore(tmp_path / "b", clock)
    here.take(b"k", LIMIT)
    program = """
        import sys
        from pathlib import Path
        from ratelimit.stores import LmdbStore, lmdb_file
        path = Path(sys.argv[1])
        lmdb_file.set_aside(path, lmdb_file.identity(path), reason="test")
        LmdbStore(path).set_epoch(b"k", 7)
    """
    run(program, tmp_path / "b")
    clock.move(1)
    assert here.take(b"k", LIMIT) == (False, 0, 0, 7)
    here.close()


def test_record_that_cannot_be_read_is_dropped_alone(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    for key in (b"bad", b"good"):
        store.take(key, LIMIT)
    assert store._environment is not None
    with store._environment.begin(write=True) as transaction:
        transaction.put(b"bad", b"short")
    assert [key for key, _ in store.usage()] == [b"good"]
    assert store.peek(b"bad") == Record()
    assert [store.take(b"bad", LIMIT)[0] for _ in range(3)] == [True, True, False]
    assert store.peek(b"good").allowed == 1
    store.close()


def test_another_layout_is_set_aside(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", LIMIT)
    assert store._environment is not None
    with store._environment.begin(write=True) as transaction:
        transaction.put(b"\x00layout", b"0")
    store.close()
    assert store.take(b"k", LIMIT)[0]
    assert len(list(tmp_path.glob("b.corrupt-*"))) == 1
    store.close()


def run(program: str, path: Path, status: int = 0) -> None:
    """Runs `program` in a process of its own."""
    root = Path(__file__).parent.parent.parent
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)], cwd=root, timeout=60, check=False
    )
    assert result.returncode == status
