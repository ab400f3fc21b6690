"""What touches the database is tested on PostgreSQL too: the same tests, run once more there."""

import os
import subprocess
import sys

import pytest

from tests.server.running import ROOT
from tests.services import postgresql_url


@pytest.mark.needs("postgresql")
def test_same_tests_on_postgresql() -> None:
    folders = ["tests/apikeys", "tests/events", "tests/health", "tests/access", "tests/controlplane/test_problems.py"]
    environment = {**os.environ, "TEST_DATABASE_URL": postgresql_url()}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *folders],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-5000:]
