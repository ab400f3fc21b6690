"""The installed command and a real server for it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.latchkey.cli.plans_server import PlansServer, plans_server
from tests.latchkey.cli.running import Latchkey, install, uninstalled
from tests.latchkey.client.responses import CREDENTIAL
from tests.support.once import once
from tests.support.selection import FAST
from tests.support.server import RunningServer, issue


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The command, installed alone for the Python that runs the tests; for fast tests that of this tree."""
    if request.config.getoption(FAST):
        return uninstalled(tmp_path_factory.mktemp("uninstalled"))
    place = once(tmp_path_factory, "installed", lambda directory: install(sys.executable, directory))
    return place / "environment" / "bin" / "latchkey"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    """A server for all tests of the command."""
    settings = {
        "AUTH_FAILURE_LIMIT": '{"burst": 100000, "per_seconds": 1}',
        "LOG_FORMAT": "json",
        # Receivers of webhooks run on this machine.
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    server = RunningServer(tmp_path_factory.mktemp("server"), workers=1, settings=settings)
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def root(server: RunningServer) -> str:
    """The credential of a key that may do everything."""
    arguments = ("--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")
    credential: str = issue(server, *arguments)["credential"]
    return credential


@pytest.fixture
def latchkey(program: Path, server: RunningServer, root: str, tmp_path: Path) -> Latchkey:
    """The command with the server's address and the root key in its environment."""
    return Latchkey(program, tmp_path, server.url, root)


@pytest.fixture
def key(latchkey: Latchkey) -> dict[str, Any]:
    """A new key, with its credential."""
    created: dict[str, Any] = latchkey.json("keys", "create", "--label", "billing worker", "--scope", "orders:read")
    return created


@pytest.fixture
def api() -> Iterator[PlansServer]:
    """A server of plans alone."""
    with plans_server() as running:
        yield running


@pytest.fixture
def remote(program: Path, api: PlansServer, tmp_path: Path) -> Latchkey:
    """The command with the address of `api`."""
    return Latchkey(program, tmp_path, api.url, CREDENTIAL.reveal())
