"""CREDENTIAL_HEADERS without Authorization, through each real proxy: the fields reach Latchkey and not the service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latchkey.credential_headers import parse_credential_headers
from tests.gateway.proxies.conftest import NAMES
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import Proxy, public_url, running
from tests.gateway.proxies.test_verdicts import problem, received
from tests.support.server import RunningServer, issue

pytestmark = pytest.mark.slow("runs a server and each proxy")

FIELDS = parse_credential_headers(["X-Token", "Api-Key"])


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "CREDENTIAL_HEADERS": ",".join(FIELDS.names)}
    server = RunningServer(tmp_path_factory.mktemp("named"), workers=1, settings=settings)
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def credential(named: RunningServer) -> str:
    return str(issue(named, "--label", "client", "--unlimited")["credential"])


@pytest.fixture(scope="module", params=NAMES)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, named: RunningServer, service: Echo
) -> Iterator[Proxy]:
    directory: Path = tmp_path_factory.mktemp(request.param)
    origins = ("https://app.example",)
    with running(
        request.param, directory, service.url, named, credential_headers=FIELDS, cors_origins=origins
    ) as found:
        yield found


@pytest.mark.parametrize("name", FIELDS.names)
def test_credential_is_checked_and_removed(proxy: Proxy, credential: str, name: str) -> None:
    with proxy.client() as client:
        sent = {
            name: credential,
            "X_Token": credential,
            "Api_Key": credential,
            "Authorization": "Bearer of.the.service",
        }
        seen = received(client.get("/", headers=sent))
    assert not {"x-token", "api-key"} & {field.lower().replace("_", "-") for field in seen}
    assert seen["authorization"] == ["Bearer of.the.service"]


def test_credential_in_authorization_is_no_credential(proxy: Proxy, named: RunningServer, credential: str) -> None:
    with proxy.client() as client:
        answer = client.get("/", headers={"Authorization": f"Bearer {credential}"})
        problem(answer, "missing-credential", public_url(named))
        both = {"Authorization": f"Bearer {credential}", "X-Token": credential}
        assert "authorization" not in received(client.get("/", headers=both))


def test_pages_may_send_the_fields(proxy: Proxy) -> None:
    preflight = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-token",
    }
    with proxy.client() as client:
        allowed = client.options("/", headers=preflight).headers["Access-Control-Allow-Headers"].lower()
    assert {"x-token", "api-key", "authorization"} <= {field.strip() for field in allowed.split(",")}
