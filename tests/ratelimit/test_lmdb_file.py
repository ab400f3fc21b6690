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
from ratelimit.stores import BucketStoreError, LmdbStore, lmdb_file, lmdb_quarantine
from ratelimit.stores import lmdb_environment as lmdb_store
from tests.conftest import Clock

LIMIT = Limit(2, 3600)


def reserved(path: Path) -> int:
    return (path / "data.mdb").stat().st_blocks * 512


def test_file_is_private_and_reserved_on_disk(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", LIMIT)
    assert (tmp_path / "b" / "data.mdb").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
    assert reserved(tmp_path / "b") >= lmdb_file.MARGIN
    assert reserved(tmp_path / "b") < 2 * lmdb_file.MARGIN
    store.close()


@pytest.fixture
def small_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_file, "MARGIN", 1 << 20)
    monkeypatch.setattr(lmdb_store, "MARGIN", 1 << 20)


def fill(store: LmdbStore, clock: Clock, keys: int) -> None:
    for number in range(keys):
        store.take(f"k{number}".encode(), LIMIT)
        if number % 1000 == 0:
            clock.move(1)


@pytest.mark.usefixtures("small_margin")
def test_room_is_kept_ahead_of_use(tmp_path: Path, clock: Clock) -> None:
    store = LmdbStore(tmp_path / "b", clock)
    fill(store, clock, 30_000)
    assert store._environment is not None
    used = lmdb_file.used_bytes(store._environment)
    assert used > 2 << 20
    assert reserved(tmp_path / "b") >= used + (1 << 18)
    assert sum(1 for _ in store.scan_records()) == 30_000
    store.close()


@pytest.mark.usefixtures("small_margin")
def test_full_disk_is_an_error_in_time_and_no_crash(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LmdbStore(tmp_path / "b", clock)
    store.take(b"first", LIMIT)

    def no_room(path: Path, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(lmdb_store, "reserve", no_room)
        with pytest.raises(BucketStoreError, match="No space left"):
            fill(store, clock, 30_000)
        assert store._environment is not None
        assert lmdb_file.used_bytes(store._environment) < reserved(tmp_path / "b")
        with pytest.raises(BucketStoreError, match="No space left"):
            store.take(b"first", LIMIT)
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


def test_threads_in_the_store_outlive_its_file(tmp_path: Path) -> None:
    """Eight threads take while the file is set aside under them, again and again: none hangs, none crashes."""
    store = LmdbStore(tmp_path / "b")

    done: list[bool] = []

    def work(thread: int) -> None:
        done.extend(store.take(f"k{thread}-{number}".encode(), LIMIT)[0] for number in range(3000))

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, thread) for thread in range(8)]
        for turn in range(1, 6):
            while len(done) < turn * 3000 and not all(task.done() for task in working):
                store.peek(b"k0-0")
            store.peek(b"k0-0")  # makes the next file if no thread has
            with lmdb_quarantine.exclusive_access(tmp_path / "b"):
                lmdb_quarantine.quarantine(tmp_path / "b")
            store._check_files(store.now_ns())
        for task in working:
            task.result()
    assert len(done) == sum(done) == 8 * 3000
    assert len(store._replaced) == 5
    store.close()


def test_reader_that_was_killed_is_tidied_away(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", None)
    program = """
        import os, sys, lmdb
        transaction = lmdb.open(sys.argv[1], map_size=64 << 30, writemap=True).begin()
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
    store.clean_up()
    pages_after(10)
    freed = pages_after(0)
    assert pages_after(500) <= freed + 5
    store.close()


def test_file_replaced_by_another_process_is_reopened(tmp_path: Path, clock: Clock) -> None:
    here = LmdbStore(tmp_path / "b", clock)
    here.take(b"k", LIMIT)
    program = """
        import sys
        from pathlib import Path
        from ratelimit.stores import LmdbStore, lmdb_quarantine
        path = Path(sys.argv[1])
        lmdb_quarantine.quarantine(path)
        LmdbStore(path).set_epoch(b"k", 7)
    """
    run(program, tmp_path / "b")
    clock.move(1)
    assert here.peek(b"k").epoch == 7
    assert here.take(b"k", LIMIT) == (False, 0, 0, 7, ())
    here.close()


def test_removed_file_is_created_again(tmp_path: Path, clock: Clock) -> None:
    store = LmdbStore(tmp_path / "b", clock)
    for _ in range(3):
        assert store.take(b"k", LIMIT)[0]
        (tmp_path / "b" / "data.mdb").unlink()
        clock.move(1)
    assert store.take(b"k", LIMIT)[0]
    store.close()


def test_rename_that_fails_is_an_error_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", LIMIT)
    with (tmp_path / "b" / "data.mdb").open("r+b") as file:
        file.write(b"\xff" * (1 << 16))

    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(lmdb_file, "quarantine", no_room)
        with pytest.raises(BucketStoreError, match="No space left"):
            store.take(b"k", LIMIT)
    assert store.take(b"k", LIMIT)[0]
    store.close()


@pytest.mark.parametrize("offset", [16, 20, 21, 22, 23, 40, 4112, 4116])
def test_damaged_first_pages_are_repaired(tmp_path: Path, offset: int) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"k", LIMIT)
    store.close()
    with (tmp_path / "b" / "data.mdb").open("r+b") as file:
        for page in (0, 4096):
            file.seek(page + offset % 4096)
            file.write(b"\xa5")
    assert store.take(b"other", LIMIT)[0]
    store.close()


def test_epoch_that_no_record_holds_is_an_error(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    with pytest.raises(BucketStoreError, match="cannot be written"):
        store.set_epoch(b"k", 1 << 32)
    store.close()


def test_only_the_unreadable_record_is_dropped(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    for key in (b"bad", b"good"):
        store.take(key, LIMIT)
    assert store._environment is not None
    with store._environment.begin(write=True) as transaction:
        transaction.put(b"bad", b"short")
    assert [key for key, _ in store.scan_records()] == [b"good"]
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
