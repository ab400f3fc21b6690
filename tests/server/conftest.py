"""Real servers for the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import RunningServer, issue

StartServer = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[StartServer]:
    """Starts servers that are stopped when the module's tests are done."""
    started: list[RunningServer] = []

    def start(data_dir: Path | None = None, **options: Any) -> RunningServer:
        server = RunningServer(data_dir or tmp_path_factory.mktemp("server"), **options)
        server.migrate()
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> RunningServer:
    """One server with 4 workers for the module."""
    return start_server(settings={"AUTH_FAILURE_LIMIT": '{"burst": 100000, "per_seconds": 1}'})


@pytest.fixture(scope="module")
def root(server: RunningServer) -> str:
    """The credential of a key that may do everything."""
    credential: str = issue(server, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")[
        "credential"
    ]
    return credential
