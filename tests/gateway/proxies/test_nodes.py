"""Two nodes of Latchkey behind each real proxy are restarted one after the other under load: no request fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.proxies.conftest import NAMES
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import running
from tests.support.migrated import migrated_database
from tests.support.postgresql import drop_database, new_database
from tests.support.server import RunningServer, issue
from tests.support.steady_load import Load, steady

pytestmark = [pytest.mark.slow("restarts servers"), pytest.mark.needs("postgresql")]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningServer]]:
    """They share a database and, on this one host, a file of buckets."""
    directory, database = tmp_path_factory.mktemp("nodes"), new_database(migrated_database())
    settings = {
        "DATABASE_URL": database,
        "BUCKET_STORE_URL": f"lmdb://{directory}/buckets",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    started = []
    try:
        for name in ("web1", "web2"):
            (directory / name).mkdir()
            started.append(RunningServer(directory / name, 1, settings, ("--no-steward",)))
            started[-1].start()
        yield started
    finally:
        for node in started:
            node.stop()
        drop_database(database)


@pytest.mark.parametrize("name", NAMES)
def test_no_request_fails(name: str, nodes: list[RunningServer], service: Echo, tmp_path: Path) -> None:
    credential = issue(nodes[0], "--label", name, "--unlimited")["credential"]
    with (
        running(name, tmp_path, service.url, *nodes) as proxy,
        steady(Load(proxy.port, credential, path="/"), kept=3, new=3) as load,
    ):
        for node in nodes:
            assert node.stop() == 0
            load.more(50)
            node.start()
            load.more(50)
    assert (load.lost, load.refused) == ([], 0)
    assert set(load.statuses) == {200}
