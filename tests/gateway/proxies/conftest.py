"""A real Latchkey with two workers, a service that echoes, and each proxy between them and the test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.proxies.echo import Echo, echo
from tests.gateway.proxies.running import Proxy, running
from tests.support.server import RunningServer, issue

SCOPE = "orders:read"
NAMES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("nginx", "caddy", "envoy")]


@dataclass(frozen=True)
class Keys:
    """Makes keys on a server that runs."""

    server: RunningServer
    root: str

    def new(self, **values: object) -> dict[str, Any]:
        values = {"label": "client", "scopes": [SCOPE], "rate_limit": None} | values
        made = httpx.post(f"{self.server.url}/v1/keys", json=values, headers={"X-API-Key": self.root})
        assert made.status_code == 201, made.text
        key: dict[str, Any] = made.json()
        return key

    def change(self, key_id: str, values: dict[str, object]) -> None:
        self._call("PATCH", key_id, json=values)

    def revoke(self, key_id: str) -> None:
        self._call("DELETE", key_id)

    def _call(self, method: str, key_id: str, **sent: Any) -> None:
        url = f"{self.server.url}/v1/keys/{key_id}"
        assert httpx.request(method, url, headers={"X-API-Key": self.root}, **sent).is_success


@pytest.fixture(scope="module")
def latchkey(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "AUTH_FAILURE_LIMIT": '{"burst": 100000, "per_seconds": 1}'}
    server = RunningServer(tmp_path_factory.mktemp("latchkey"), workers=2, settings=settings)
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def keys(latchkey: RunningServer) -> Keys:
    root = issue(latchkey, "--label", "root", "--scope", "*", "--burst", "100000", "--per-seconds", "1")
    return Keys(latchkey, root["credential"])


@pytest.fixture(scope="module")
def service() -> Iterator[Echo]:
    with echo() as found:
        yield found


@pytest.fixture(scope="module", params=NAMES)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, latchkey: RunningServer, service: Echo
) -> Iterator[Proxy]:
    directory: Path = tmp_path_factory.mktemp(request.param)
    with running(request.param, directory, service.url, latchkey, scopes=[SCOPE]) as found:
        yield found
