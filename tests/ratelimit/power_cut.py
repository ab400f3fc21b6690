"""`python -m tests.ratelimit.power_cut DIRECTORY FIRST COUNT`: uses bucket files as a power cut leaves them.

Each image has pages of two or three moments, mixed at random, and some that were never written: what is on a disk if
the kernel has written an unsynced map back in part. Prints how each of them was used, one line an image.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import structlog

from ratelimit import bucket_file_check
from ratelimit.limit import Limit
from ratelimit.stores import BucketStoreError, LmdbStore, lmdb_check

SERVED: Final = "served"
_PAGE: Final = 4096
_LIMIT: Final = Limit(1000, 60)
_KEYS: Final = [b"lk_%012d" % number for number in range(3000)]
_MOMENTS: Final = 6
_USES: Final = 120
_LAST: Final = 40


def moments(path: Path) -> list[bytes]:
    """The pages of a store that is in use, at some moments."""
    store, random = LmdbStore(path), Random(7)
    for key in _KEYS:
        store.take(key, _LIMIT)
    found = []
    for moment in range(_MOMENTS):
        assert store._environment is not None
        with (path / "data.mdb").open("rb") as file:
            found.append(file.read((store._environment.info()["last_pgno"] + 1) * _PAGE))
        for _ in range(400):
            store.take(random.choice(_KEYS), _LIMIT)
        for number in range(40):
            store.take(b"lk_new%d_%d" % (moment, number), _LIMIT)
            store.forget(random.choice(_KEYS))
    store.close()
    return found


def image(taken: Sequence[bytes], random: Random) -> bytes:
    """One file of pages of those moments."""
    first = random.randrange(_MOMENTS - 1)
    picked = taken[first : first + 1 + random.randrange(1, 3)]
    share, pages = random.choice([0.5, 0.1, 0.9]), bytearray()
    for at in range(0, max(map(len, picked)), _PAGE):
        source = picked[0] if random.random() < share else random.choice(picked)
        lost = random.random() < 0.01
        pages += bytes(_PAGE) if lost else source[at : at + _PAGE] or bytes(_PAGE)
    return bytes(pages)


def use(path: Path, random: Random) -> str:
    """Use a store as a server and its steward do; return SERVED if it served in the end."""
    store, failed = LmdbStore(path), list[str]()
    for number in range(_USES):
        try:
            if number % 30 == 29:
                list(store.scan_records())
                store.clean_up()
            else:
                store.take(random.choice(_KEYS), _LIMIT)
            failed.append("")
        except BucketStoreError as error:
            failed.append(str(error))
    store.close()
    return max(failed[-_LAST:]) or SERVED


def run_forked(arguments: list[str]) -> "subprocess.CompletedProcess[bytes]":
    """Run an examination as a fork of this process, which takes a tenth of the time of a new Python."""
    with tempfile.TemporaryFile() as out:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            status = 1
            try:
                status = bucket_file_check.main(arguments)
                sys.stdout.flush()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read(), b"")


def main(arguments: Sequence[str]) -> None:
    """Use images FIRST to FIRST + COUNT - 1."""
    lmdb_check._run = run_forked
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    work, first, count = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    taken = moments(work / "source")
    for number in range(first, first + count):
        random, path = Random(number), work / f"image{number}"
        path.mkdir()
        (path / "data.mdb").write_bytes(image(taken, random))
        print(use(path, random), flush=True)
        for old in work.glob(f"{path.name}*"):
            shutil.rmtree(old)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
