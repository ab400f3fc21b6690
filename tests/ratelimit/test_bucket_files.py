"""The embedded store's files after a power cut, and under processes that use them while somebody else handles them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pytest

from ratelimit.bucket import Record
from ratelimit.bucket_file_check import FileState
from ratelimit.stores import BucketStoreError, LmdbStore, lmdb_quarantine
from ratelimit.stores.lmdb_check import check_file
from ratelimit.stores.lmdb_file import open_file, signature
from tests.conftest import Clock
from tests.ratelimit.power_cut import SERVED
from tests.ratelimit.taker import BURST, Taker


def uses(work: Path, first: int, count: int) -> list[str]:
    """How a process used so many images of a power cut."""
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.ratelimit.power_cut", str(work), str(first), str(count)],
        capture_output=True,
        text=True,
        timeout=20 + 10 * count,
        check=False,
    )
    return [*done.stdout.splitlines(), *([f"ended with {done.returncode}"] if done.returncode else [])]


@pytest.mark.parametrize("count", [30, pytest.param(500, marks=pytest.mark.slow("uses 500 images of a file"))])
def test_power_cut_images_never_crash_or_block(tmp_path: Path, count: int) -> None:
    half = count // 2
    with ThreadPoolExecutor(2) as pool:
        used = list(pool.map(lambda first: uses(tmp_path / str(first), first, half), (0, half)))
    assert used == [[SERVED] * half] * 2, set(used[0] + used[1])


def test_sound_file_is_kept(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.set_epoch(b"lk_a", 7)
    assert check_file(tmp_path / "b", FileState.IN_USE) == ""
    store.close()
    assert check_file(tmp_path / "b", FileState.AT_REST) == ""
    assert store.peek(b"lk_a").epoch == 7
    assert store.last_rebuild() is None
    store.close()


def test_record_that_no_store_has_written_is_damage(tmp_path: Path) -> None:
    for record in (Record(epoch=1 << 31), Record(allowed=1 << 63), Record(limit_code=7)):
        store = LmdbStore(tmp_path / "b")
        store.take(b"lk_a", None)
        assert store._environment is not None
        with store._environment.begin(write=True) as transaction:
            transaction.put(b"lk_a", record.dump())
        store.close()
        assert store.peek(b"lk_a") == Record()
        rebuilt = store.last_rebuild()
        assert rebuilt is not None
        assert rebuilt.reason == "it has an invalid record"
        store.close()


def test_at_most_three_files_are_quarantined(tmp_path: Path) -> None:
    for _ in range(5):
        store = LmdbStore(tmp_path / "b")
        store.take(b"lk_a", None)
        store.close()
        os.truncate(tmp_path / "b" / "data.mdb", 4096)
    assert len(list(tmp_path.glob("b.corrupt-*"))) == lmdb_quarantine.MAX_QUARANTINED


def test_volume_keeps_its_damaged_file_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is a volume of its own."""

    def busy(self: Path, target: Path) -> Path:
        if self == tmp_path / "b":
            raise OSError(16, "Device or resource busy")
        return rename(self, target)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", busy)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "data.mdb").write_bytes(b"garbage" * 1000)
    store = LmdbStore(tmp_path / "b")
    assert store.take(b"lk_a", None)[0]
    assert [path.read_bytes()[:7] for path in (tmp_path / "b").glob("*/data.mdb")] == [b"garbage"]
    store.close()


def test_persistent_error_is_damage_but_not_twice(tmp_path: Path) -> None:
    """Whatever LMDB calls it. If the file that was made a moment ago fails too, the fault is somewhere else."""
    store, stays = LmdbStore(tmp_path / "b"), lmdb.CursorFullError("mdb_put: MDB_CURSOR_FULL")
    store.take(b"lk_a", None)
    store._repair(store._open(), stays)
    assert store.take(b"lk_a", None)[0]
    rebuilt = store.last_rebuild()
    assert rebuilt is not None
    assert rebuilt.reason == "damaged while it was in use: CursorFullError: mdb_put: MDB_CURSOR_FULL"
    with pytest.raises(BucketStoreError, match="a moment ago too"):
        store._repair(store._open(), stays)
    assert store.peek(b"lk_a").allowed == 1
    store.close()


def test_key_invalid_for_lmdb_does_not_replace_the_file(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "b")
    store.take(b"lk_a", None)
    with pytest.raises(BucketStoreError, match="BAD_VALSIZE"):
        store.take(b"x" * 1000, None)
    assert store.peek(b"lk_a").allowed == 1
    store.close()


def test_files_moved_away_and_back_are_reused(tmp_path: Path, clock: Clock) -> None:
    store = LmdbStore(tmp_path / "b", clock)
    store.set_epoch(b"lk_a", 7)
    (tmp_path / "b").rename(tmp_path / "elsewhere")
    clock.move(1)
    assert store.peek(b"lk_a").epoch == 0
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "elsewhere").rename(tmp_path / "b")
    clock.move(1)
    assert store.peek(b"lk_a").epoch == 7
    store.close()


@pytest.mark.slow("waits for the limit on the processor's time")
def test_examination_that_does_not_end_is_ended(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"")
    program = "import sys, pathlib; from ratelimit.bucket_file_check import limit_resources; limit_resources(pathlib.Path(sys.argv[1]))\nwhile 1: 0"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, check=False)
    assert done.returncode < 0


def overwrite(path: Path) -> None:
    """Write garbage into the file, which stays the same."""
    with (path / "data.mdb").open("r+b") as file:
        file.write(os.urandom(1 << 16))


def replace_by_copy(path: Path, name: str) -> None:
    copy = path.with_name("copy")
    subprocess.run(["cp", "--sparse=always", str(path / name), str(copy)], check=True)
    copy.rename(path / name)


def replace_directory(path: Path) -> None:
    path.rename(path.with_name("away"))
    path.mkdir()


def replace_directory_by_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"")


def replace_data_by_directory(path: Path) -> None:
    (path / "data.mdb").unlink()
    (path / "data.mdb").mkdir()


ACTS: dict[str, Callable[[Path], object]] = {
    "data removed": lambda path: (path / "data.mdb").unlink(),
    "lock removed": lambda path: (path / "lock.mdb").unlink(),
    "directory removed": shutil.rmtree,
    "directory replaced": replace_directory,
    "directory replaced by a file": replace_directory_by_file,
    "data replaced by a copy": lambda path: replace_by_copy(path, "data.mdb"),
    "lock replaced by a copy": lambda path: replace_by_copy(path, "lock.mdb"),
    "data replaced by a directory": replace_data_by_directory,
    "data truncated": lambda path: os.truncate(path / "data.mdb", 0),
    "data cut short": lambda path: os.truncate(path / "data.mdb", 8 * 4096),
    "lock truncated": lambda path: os.truncate(path / "lock.mdb", 0),
    "data overwritten": overwrite,
    "data unreadable": lambda path: (path / "data.mdb").chmod(0),
    "directory unreadable": lambda path: path.chmod(0),
}
AS_ROOT = {"data unreadable", "directory unreadable"} if os.geteuid() == 0 else set()


@pytest.fixture(scope="module")
def takers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Taker, Taker]]:
    path = tmp_path_factory.mktemp("takers") / "b"
    first, second = Taker(path), Taker(path)
    yield path, first, second
    first.stop()
    second.stop()


@pytest.mark.parametrize("act", sorted(ACTS))
def test_replaced_files_grant_at_most_one_bucket(takers: tuple[Path, Taker, Taker], act: str) -> None:
    path, first, second = takers
    if act in AS_ROOT:
        pytest.skip("root may read everything")
    key = f"lk_{act.replace(' ', '_')}"
    assert first.take_all(key) + second.take_all(key) == BURST
    ACTS[act](path)
    first.wait()
    more = first.take_all(key) + second.take_all(key)
    second.wait()
    more += first.take_all(key) + second.take_all(key)
    assert more <= BURST
    assert first.take_all(f"{key}_next") + second.take_all(f"{key}_next") == BURST, "both use one file"
    assert first.last_rebuild() == second.last_rebuild() != ""
    shutil.rmtree(path.with_name("away"), ignore_errors=True)


def test_late_process_shares_the_replaced_file(
    takers: tuple[Path, Taker, Taker],
) -> None:
    path, first, second = takers
    assert first.take_all("lk_between") == BURST
    (path / "lock.mdb").unlink()
    late = Taker(path)
    assert second.take_all("lk_between") == 0
    assert late.take_all("lk_between") == BURST
    first.wait()
    second.wait()
    assert first.take_all("lk_between") + second.take_all("lk_between") == 0
    late.stop()


def test_signature_is_that_of_files_that_are_used(tmp_path: Path) -> None:
    opened = open_file(tmp_path / "b")
    assert opened.signature == signature(tmp_path / "b") != ()
    opened.close()


def test_data_file_with_foreign_lock_file_is_replaced(tmp_path: Path) -> None:
    clock = Clock()
    store = LmdbStore(tmp_path / "b", clock)
    store.take(b"lk_a", None)
    (tmp_path / "b" / "lock.mdb").unlink()
    other = "import sys, pathlib; from ratelimit.stores.lmdb_file import _open; _open(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", other, str(tmp_path / "b")], check=True)
    clock.move(2)
    assert store.take(b"lk_a", None)[0]
    rebuilt = store.last_rebuild()
    assert rebuilt is not None
    assert "was replaced while they were in use" in rebuilt.reason
    store.close()
