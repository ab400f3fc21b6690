"""Each real proxy calls Latchkey through a Unix socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from latchkey.credentials import generate_key_id, generate_secret
from tests.gateway.proxies.conftest import NAMES, SCOPE
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import running
from tests.support.server import issue
from tests.support.unix_server import UnixServer, unix_server

pytestmark = pytest.mark.storeless("how a proxy connects")


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[UnixServer]:
    """A server without TRUSTED_PROXIES. Other accounts may use its socket, as the workers of a proxy do."""
    settings = {"AUTH_FAILURE_LIMIT": '{"burst": 5, "per_seconds": 3600}', "SOCKET_MODE": "0666"}
    with unix_server(tmp_path_factory.mktemp("latchkey"), settings, workers=1) as server:
        server.directory.chmod(0o755)
        server.start()
        yield server


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_and_client_address(name: str, listening: UnixServer, service: Echo, tmp_path: Path) -> None:
    key = issue(listening, "--label", name, "--scope", SCOPE, "--burst", "2", "--per-seconds", "3600")
    sent = {"X-API-Key": key["credential"]}
    with (
        running(name, tmp_path, service.url, listening, scopes=[SCOPE], latchkey_socket=listening.path) as proxy,
        proxy.client() as client,
    ):
        assert [client.get("/", headers=sent).status_code for _ in range(3)] == [200, 200, 429]
        wrong = {"X-API-Key": f"{generate_key_id()}:{generate_secret()}"}
        assert client.get("/", headers=wrong).status_code == 401
    requests = [json.loads(line) for line in listening.log.splitlines() if "/v1/check" in line]
    # Envoy names this host's own address for a client on loopback.
    assert "unknown" not in {line["address"] for line in requests}
    assert 401 in {line["status"] for line in requests}
