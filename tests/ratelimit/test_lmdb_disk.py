"""The embedded store's two files on a full disk. Every process that uses the store maps them into memory."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratelimit.limit import Limit
from ratelimit.stores import LmdbStore
from tests.support.small_disk import fill, small_disk

pytestmark = pytest.mark.needs("mount")

READERS = """
    import sys
    import lmdb
    environment = lmdb.open(sys.argv[1], map_size=64 << 30, writemap=True, sync=False, max_readers=1024)
    held = [environment.begin() for _ in range(1000)]
    with environment.begin(write=True) as transaction:
        for number in range(1000):
            transaction.put(str(number).encode(), bytes(100))
    print(len(held))
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, 72) as path:
        yield path


def test_full_disk_kills_neither_readers_nor_writers(disk: Path) -> None:
    store = LmdbStore(disk / "b")
    store.take(b"k", Limit(2, 3600))
    fill(disk / "filler")
    command = [sys.executable, "-c", textwrap.dedent(READERS), str(disk / "b")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "1000\n"), result.stderr
    allowed, *_ = store.take(b"k", Limit(2, 3600))
    assert allowed
    store.close()
