"""Servers in tests over services: each has its own database and bucket store."""

from pathlib import Path

import pytest

from tests.support.server import RunningServer
from tests.support.stores import ON_SERVICES, chosen


def test_servers_share_no_store(tmp_path: Path, own_stores: None) -> None:
    one, other = (RunningServer(tmp_path / name).stores() for name in ("one", "other"))
    assert one == RunningServer(tmp_path / "one").stores(), "a server that is started again finds its own"
    if chosen() == ON_SERVICES:
        assert all(one[name] != other[name] for name in ("DATABASE_URL", "BUCKET_STORE_URL"))
        assert one["BUCKET_STORE_URL"].partition("?prefix=")[2]
    else:
        assert one == other == {}


def test_unmarked_test_cannot_start_server(tmp_path: Path) -> None:
    """Otherwise the run over services would leave it out unnoticed."""
    with pytest.raises(AssertionError, match="own_stores"):
        RunningServer(tmp_path).stores()
