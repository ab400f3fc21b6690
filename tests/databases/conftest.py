"""An installation whose database is that of the run: SQLite, or one of its own on PostgreSQL."""

from pathlib import Path

import pytest

from tests.support.server import RunningServer


@pytest.fixture
def unmigrated(tmp_path: Path, own_stores: None) -> RunningServer:
    """One with an empty database, that is not served."""
    return RunningServer(tmp_path)


@pytest.fixture
def installation(unmigrated: RunningServer) -> RunningServer:
    """One with a migrated database, that is not served."""
    unmigrated.migrate()
    return unmigrated
