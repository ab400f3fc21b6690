"""Proxies of the environment: which calls go through one, and that those calls are the same."""

import pytest

from latchkey.client.environment_proxies import is_proxied
from latchkey.client.failures import NoResponse
from latchkey.client.http1.server import Server
from tests.latchkey.client.http1.callers import both
from tests.latchkey.client.http1.test_connections import Calling
from tests.latchkey.client.responses import json_response
from tests.latchkey.stub import stub
from tests.support.ports import free_port

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "http://keys.example", False),
        ({"HTTP_PROXY": "http://p"}, "http://keys.example", True),
        ({"HTTP_PROXY": "http://p"}, "https://keys.example", False),
        ({"https_proxy": "http://p"}, "https://keys.example", True),
        ({"ALL_PROXY": "http://p"}, "https://keys.example", True),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": "*"}, "http://keys.example", False),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": "a,.example"}, "http://keys.example", False),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": "keys.example:81"}, "http://keys.example:81", False),
        ({"HTTP_PROXY": "http://p", "NO_PROXY": "other.example"}, "http://keys.example", True),
    ],
)
def test_which_servers_are_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_proxied(Server.of(url)) is expected


@both
def test_calls_through_a_proxy(calling: Calling, monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(lambda _: json_response({"status": "ok"})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with calling("http://keys.example/behind") as call:
            call()
            call()
        assert [request.target for request in proxy.requests] == ["http://keys.example/behind/health"] * 2
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with calling(f"http://127.0.0.1:{free_port()}") as call, pytest.raises(NoResponse):
            call()
        assert len(proxy.requests) == 2
