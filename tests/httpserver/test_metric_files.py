"""Files of metrics on a disk that is full."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from httpserver.metric_files import INITIAL_BYTES, RETRY_SECONDS, MetricFile
from tests.support.small_disk import fill, small_disk

pytestmark = pytest.mark.needs("mount")
NAMES = [f"name {number} {'x' * 200}" for number in range(4 * INITIAL_BYTES // 200)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, 4) as path:
        yield path


Open = Callable[[Path], MetricFile]


@pytest.fixture
def open_file() -> Iterator[Open]:
    """Opens files that are closed at the end."""
    with ExitStack() as opened:

        def open_one(path: Path) -> MetricFile:
            return opened.enter_context(closing(MetricFile(str(path))))

        yield open_one


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock, which the test moves."""
    now = [0.0]
    monkeypatch.setattr("httpserver.metric_files.monotonic", lambda: now[0])
    return now


def shown(path: Path) -> dict[str, float]:
    """What a scrape sees."""
    return {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path))}  # type: ignore[no-untyped-call]


def count(file: MetricFile, names: list[str], value: float) -> None:
    for name in names:
        file.read_value(name)  # type: ignore[no-untyped-call]
        file.write_value(name, value, 0.0)


def is_reserved(path: Path) -> bool:
    return path.stat().st_blocks * 512 >= path.stat().st_size > 0


def test_space_is_reserved_ahead_and_as_the_file_grows(disk: Path, open_file: Open) -> None:
    path = disk / "counter_worker0.db"
    file = open_file(path)
    assert is_reserved(path)
    count(file, NAMES, 1.0)
    assert path.stat().st_size > INITIAL_BYTES
    assert is_reserved(path)
    assert shown(path) == dict.fromkeys(NAMES, 1.0)


def test_file_that_is_opened_again_goes_on(disk: Path, open_file: Open) -> None:
    path = disk / "counter_worker0.db"
    count(open_file(path), NAMES[:10], 1.0)
    fill(disk / "filler")
    again = open_file(path)
    assert again.read_value(NAMES[9])[0] == 1.0  # type: ignore[no-untyped-call]
    count(again, NAMES[:20], 2.0)
    assert shown(path) == dict.fromkeys(NAMES[:20], 2.0)


def test_file_that_cannot_grow_counts_in_memory_until_there_is_room(
    disk: Path, open_file: Open, now: list[float]
) -> None:
    path = disk / "counter_worker0.db"
    file = open_file(path)
    count(file, NAMES[:10], 1.0)
    fill(disk / "filler")
    count(file, NAMES, 2.0)
    on_disk = shown(path)
    assert 10 < len(on_disk) < len(NAMES)
    now[0] += RETRY_SECONDS
    count(file, NAMES, 3.0)
    assert shown(path) == on_disk
    (disk / "filler").unlink()
    now[0] += RETRY_SECONDS
    count(file, NAMES[:1], 4.0)
    assert shown(path) == dict.fromkeys(NAMES, 3.0) | {NAMES[0]: 4.0}
    assert is_reserved(path)
    count(file, NAMES[1:2], 5.0)
    assert shown(path)[NAMES[1]] == 5.0


def test_file_that_cannot_be_made_counts_in_memory_until_there_is_room(
    disk: Path, open_file: Open, now: list[float]
) -> None:
    path = disk / "counter_worker0.db"
    fill(disk / "filler")
    file = open_file(path)
    count(file, NAMES[:10], 1.0)
    assert not path.exists()
    now[0] += RETRY_SECONDS
    count(file, NAMES[:10], 2.0)
    assert not path.exists()
    (disk / "filler").unlink()
    now[0] += RETRY_SECONDS
    count(file, NAMES[:10], 3.0)
    assert shown(path) == dict.fromkeys(NAMES[:10], 3.0)
    assert is_reserved(path)
