"""First start of two nodes at the same time, on one empty PostgreSQL database."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import MANAGE, ROOT
from tests.support.postgresql import drop_database, new_database
from tests.support.server import RunningServer

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow("migrates a database")]


@pytest.fixture
def database() -> Iterator[str]:
    url = new_database()
    yield url
    drop_database(url)


def test_parallel_first_starts_create_one_key(database: str, tmp_path: Path) -> None:
    nodes = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        nodes.append(RunningServer(tmp_path / name, settings={"DATABASE_URL": database}))
    starts = [
        subprocess.Popen(
            [sys.executable, MANAGE, "first_start"],
            env=node.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for node in nodes
    ]  # fmt: skip
    printed = [start.communicate(timeout=120) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], printed
    assert sum("First key" in out for out, _ in printed) == 1
    assert nodes[1].manage("list_keys", "--format", "json").stdout.count('"label": "first key"') == 1
