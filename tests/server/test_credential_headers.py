"""CREDENTIAL_HEADERS on a running server: every way in looks for credentials in the fields that it names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from health.self_check import main
from tests.latchkey.cli.running import Latchkey, uninstalled
from tests.support.server import RunningServer, issue

pytestmark = [
    pytest.mark.slow("starts a server whose settings name other fields"),
    pytest.mark.storeless("which fields of a request are read"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, own_stores: None) -> Iterator[RunningServer]:
    """A server that takes credentials in three fields, without X-API-Key."""
    directory = tmp_path_factory.mktemp("server")
    settings = {
        "CREDENTIAL_HEADERS": "X-Token, Authorization, Api-Key",
        "HEALTH_CHECK_FILE": str(directory / "private" / "check"),
        "LOG_FORMAT": "json",
    }
    server = RunningServer(directory, workers=1, settings=settings)
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def key(server: RunningServer) -> dict[str, Any]:
    return issue(server, "--label", "root", "--scope", "*", "--unlimited")


@pytest.fixture(scope="module")
def other(server: RunningServer) -> dict[str, Any]:
    return issue(server, "--label", "other", "--scope", "*", "--unlimited")


JWT = "Bearer of.the.service"
CASES = [
    ({"X-Token": "CRED"}, 200, ""),
    ({"Api-Key": "CRED"}, 200, ""),
    ({"Authorization": "Bearer CRED"}, 200, ""),
    ({"Api-Key": "CRED", "Authorization": JWT, "X-Token": "of the service"}, 200, ""),
    ({"Api-Key": "CRED", "X-Token": "CRED"}, 200, ""),
    ({"Api-Key": "CRED", "X-API-Key": "OTHER"}, 200, ""),
    ({"Api-Key": "CRED", "X-Token": "OTHER"}, 400, "ambiguous-credential"),
    ({"Api-Key": "CRED", "Authorization": "Bearer OTHER"}, 400, "ambiguous-credential"),
    ({"X-API-Key": "CRED"}, 401, "missing-credential"),
    ({"X-Token": "Bearer CRED"}, 401, "malformed-credential"),
]


@pytest.mark.parametrize("call", ["check", "verify", "whoami"])
@pytest.mark.parametrize(("fields", "status", "slug"), CASES)
def test_fields(
    server: RunningServer,
    key: dict[str, Any],
    other: dict[str, Any],
    call: str,
    fields: dict[str, str],
    status: int,
    slug: str,
) -> None:
    sent = {
        name: value.replace("CRED", key["credential"]).replace("OTHER", other["credential"])
        for name, value in fields.items()
    }
    body = {"json": {"credential": other["bearer_credential"]}} if call == "verify" else {}
    path = "check?allow=200" if call == "check" else call
    answer = httpx.request("POST" if body else "GET", f"{server.url}/v1/{path}", headers=sent, **body)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    if slug:
        assert answer.json()["type"].endswith(f"/{slug}")
    if slug == "missing-credential":
        assert "X-Token: key_id:secret, Api-Key: key_id:secret, Authorization: Bearer" in answer.json()["detail"]
    if call == "whoami" and not slug:
        assert answer.json()["key_id"] == key["key_id"]


def test_openapi_names_the_fields(server: RunningServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {name: scheme.get("name") for name, scheme in schemes.items()} == {
        "apiKey": "X-Token", "apiKey1": "Api-Key", "bearer": None, "basic": None,
    }  # fmt: skip
    for path in ("/v1/whoami", "/v1/check"):
        assert sorted(map(list, document["paths"][path]["get"]["security"])) == sorted([name] for name in schemes)


def test_log_hides_the_fields(server: RunningServer) -> None:
    program = (
        "import logging; log = logging.getLogger('latchkey.test')\n"
        "log.warning('sent X-Token: hunter2'); log.warning('sent %s', {'HTTP_API_KEY': 'hunter2'})"
    )
    shown = server.manage("shell", "--no-imports", "-c", program)
    assert (shown.stdout + shown.stderr).count("[redacted]") == 2
    assert "hunter2" not in shown.stdout + shown.stderr


def test_health_check_uses_the_first_field(server: RunningServer) -> None:
    assert main([server.settings["HEALTH_CHECK_FILE"]]) == 0
    assert json.loads((server.data_dir / "private" / "check").read_text())["credential_header"] == "X-Token"


def test_remote_cli_sends_the_field_that_is_chosen(
    server: RunningServer, key: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    latchkey = Latchkey(uninstalled(home), home, server.url, key["bearer_credential"])
    assert latchkey.run("whoami").exit_code == 2
    for name in ("Api-Key", "authorization"):
        assert latchkey.json("whoami", LATCHKEY_API_KEY_HEADER=name)["key_id"] == key["key_id"]
    assert latchkey.run("--api-key-header", "X_Token", "whoami").exit_code == 2
    on_server = server.manage("ctl", "whoami", environment={"LATCHKEY_API_KEY": key["credential"]})
    assert key["key_id"] in on_server.stdout


def test_proxy_configurations_name_the_fields(server: RunningServer) -> None:
    printed = {
        proxy: server.manage("proxy_config", proxy, "--upstream", "http://127.0.0.1:1").stdout
        for proxy in ("nginx", "caddy", "traefik", "envoy")
    }
    for text in printed.values():
        assert "x-api-key" not in text.lower()
        assert text.lower().count("x-token") > 0
        assert text.lower().count("api-key") > 0
    assert "\t\theader_up -X_Token\n" in printed["caddy"]
    assert 'authRequestHeaders: ["X-Token", "Api-Key", "Authorization", ' in printed["traefik"]


def test_first_start_shows_how_to_send_the_key(tmp_path: Path, own_stores: None) -> None:
    new = RunningServer(tmp_path, settings={"CREDENTIAL_HEADERS": "X-Token"})
    new.migrate()
    assert "curl -i -H 'X-Token: lk_" in new.manage("first_start").stdout


def test_invalid_setting_stops_the_start(server: RunningServer, key: dict[str, Any]) -> None:
    for value, message in (
        ("Cookie", "CREDENTIAL_HEADERS: Cookie has another meaning"),
        (key["credential"], "CREDENTIAL_HEADERS: must be 1 to 8 names of header fields"),
    ):
        done = server.manage("check", check=False, environment={"CREDENTIAL_HEADERS": value})
        assert done.returncode != 0
        assert message in done.stderr
        assert "lks_" not in done.stderr
