"""The rights of a running container."""

import re
from collections.abc import Iterator

import pytest

from deploy.image.commands import ImageError
from tests.release.image import container as containers_module
from tests.release.image.container import RESTRAINTS, SHARED, VOLUME, Container, Start, containers, sleeping
from tests.release.image.image import Image

pytestmark = [pytest.mark.needs("images"), pytest.mark.slow("builds and runs container images")]

USER = "10001"
STATUS = {"CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
# With a read-only root, only mounts can be writable; files in /proc have rights of their own.
WRITABLE_MOUNTS = """
import os
for place in sorted({line.split()[1] for line in open("/proc/self/mounts")}):
    if not place.startswith("/proc/") and os.access(place, os.W_OK):
        print(place)
"""
# More than the cache holds goes to a file, as in a migration that rewrites a table.
SORTS_ON_DISK = """
import sqlite3
connection = sqlite3.connect("/data/some.sqlite3")
connection.executescript("PRAGMA temp_store = FILE; PRAGMA cache_size = 10; PRAGMA temp.cache_size = 10")
numbers = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
connection.execute(f"CREATE TEMP TABLE much AS {numbers} SELECT i, randomblob(100) FROM n")
"""


def problems(container: Container) -> Iterator[str]:
    status = dict(re.findall(r"^(\w+):\s+(.*)$", container.execute("cat", "/proc/1/status"), re.MULTILINE))
    if {*status["Uid"].split(), *status["Gid"].split()} != {USER}:
        yield f"runs as {status['Uid']}"
    yield from (f"{name} is {status.get(name)}" for name, value in STATUS.items() if status.get(name) != value)
    expected = {VOLUME, SHARED, "/dev/mqueue"}
    yield from (f"{path} is writable" for path in container.python(WRITABLE_MOUNTS).split() if path not in expected)
    try:
        container.execute("touch", "/opt/latchkey/app/file")
        yield "the root file system is writable"
    except ImageError:
        pass


def test_rights(start: Start) -> None:
    container = sleeping(start)
    assert list(problems(container)) == []
    container.python(SORTS_ON_DISK)  # SQLite needs no /tmp


def test_needless_rights_are_found(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers_module, "RESTRAINTS", ("--cap-add", "NET_RAW", "--user", "0:0"))
    with containers(image.engine, image.name) as start:
        found = "\n".join(problems(sleeping(start)))
    for problem in ("runs as 0", "CapBnd is", "NoNewPrivs is 0", "the root file system is writable"):
        assert problem in found


def test_writable_mount_is_found(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers_module, "RESTRAINTS", (*RESTRAINTS, "--tmpfs", "/tmp"))
    with containers(image.engine, image.name) as start:
        container = sleeping(start)
        assert list(problems(container)) == ["/tmp is writable"]
        container.stop(0)
        with pytest.raises(ImageError, match="the health check exited with"):
            container.healthy()
