"""latchkey proxy-test: it finds nothing wrong with the real proxies, and each fault that it is there to find."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from latchkey.client.proxy_checks import MAX_REQUESTS
from latchkey.credentials import generate_key_id, generate_secret
from tests.gateway.proxies.conftest import Keys
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import Proxy
from tests.latchkey.stub import PROBLEM, Request, StubResponse, stub
from tests.support.commands import ROOT
from tests.support.ports import free_port

pytestmark = pytest.mark.slow("runs the remote command before proxies")


@dataclass(frozen=True)
class Ran:
    exit_code: int
    out: str
    err: str

    @property
    def results(self) -> dict[str, str]:
        return {row["check"]: row["result"] for row in json.loads(self.out)["checks"]}


def run(url: str, *options: str, key: str = "", **more: str) -> Ran:
    """The command, with the key on its standard input."""
    given = ["--api-key", "-"] if key else []
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), **more}
    done = subprocess.run(
        [sys.executable, "-m", "latchkey", "proxy-test", url, "--format", "json", *given, *options],
        env=environment, input=key, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def credential() -> str:
    return f"{generate_key_id()}:{generate_secret()}"


def test_real_proxy(proxy: Proxy, keys: Keys) -> None:
    key = keys.new(rate_limit={"burst": 4, "per_seconds": 3600})
    ran = run(proxy.url, "--exhaust", key=key["credential"])
    assert (ran.exit_code, ran.err) == (0, "")
    assert set(ran.results.values()) == {"ok"}, ran.out
    assert len(ran.results) == 11
    assert key["secret"] not in ran.out
    shown = run(proxy.url, "--format", "table")
    assert shown.exit_code == 0
    assert "over the limit              not seen  needs a key whose limit may be used up, and --exhaust" in shown.out


def test_service_without_a_proxy(service: Echo) -> None:
    """An echo leaks both, and nothing is refused."""
    ran = run(service.url, key=credential())
    assert ran.exit_code == 2
    assert ran.results == {
        "no credential": "failed",
        "malformed credential": "failed",
        "unknown key": "failed",
        "OPTIONS": "failed",
        "request id": "failed",
        "right key": "ok",
        "rate-limit fields": "ok",
        "no tunnel": "failed",
        "credential is removed": "failed",
        "forged identity is removed": "failed",
        "over the limit": "not seen",
    }


def test_nothing_listens() -> None:
    ran = run(f"http://127.0.0.1:{free_port()}")
    assert (ran.exit_code, ran.out) == (3, "")
    assert ran.err.startswith("latchkey: The connection was refused")


@pytest.mark.parametrize("url", ["ftp://a", "http://a?b", "http://user@a", "x"])
def test_invalid_url(url: str) -> None:
    assert run(url).exit_code == 2


def test_invalid_origin() -> None:
    ran = run("http://127.0.0.1:1", "--cors-origin", "https://app.example/")
    assert ran.exit_code == 2
    assert "--cors-origin must be an origin as browsers send it" in " ".join(ran.err.split())


def test_key_from_environment_is_not_sent(service: Echo) -> None:
    """It is a key for Latchkey itself, and may do everything."""
    ran = run(service.url, LATCHKEY_API_KEY=credential())
    assert ran.results["right key"] == "not seen"
    refused = run(service.url, "--exhaust", LATCHKEY_API_KEY=credential())
    assert refused.exit_code == 2
    assert "--exhaust uses up a key" in refused.err


def _refusal(request: Request, **members: Any) -> StubResponse:
    body = {"type": "about:blank", "status": 401, "request_id": request.fields["x-request-id"]} | members
    return StubResponse(401, {**PROBLEM, "WWW-Authenticate": "Bearer"}, json.dumps(body).encode())


def _throttle(retry_after: str) -> Callable[[Request], StubResponse]:
    body = json.dumps({"type": "about:blank", "status": 429}).encode()
    fields = {**PROBLEM, "Retry-After": retry_after} if retry_after else PROBLEM

    def answer(request: Request) -> StubResponse:
        return StubResponse(429, fields, body) if "lk_" in request.fields.get("x-api-key", "") else _refusal(request)

    return answer


FAULTS: dict[str, tuple[str, Callable[[Request], StubResponse]]] = {
    "html": (
        "no credential",
        lambda _: StubResponse(401, {"Content-Type": "text/html", "WWW-Authenticate": "x"}, b"no"),
    ),
    "403": ("no credential", lambda request: StubResponse(403, PROBLEM, _refusal(request).body)),
    "no challenge": ("no credential", lambda request: StubResponse(401, PROBLEM, _refusal(request).body)),
    "another status": ("no credential", lambda request: _refusal(request, status=403)),
    "another id": ("request id", lambda request: _refusal(request, request_id="other")),
    "OPTIONS passes": (
        "OPTIONS",
        lambda request: StubResponse(204) if request.method == "OPTIONS" else _refusal(request),
    ),
    "500": ("unknown key", lambda _: StubResponse(500, PROBLEM, b"{}")),
    "no key passes": ("right key", _refusal),
    "tunnel": (
        "no tunnel",
        lambda request: (
            StubResponse(101, {"Connection": "Upgrade", "Upgrade": "h2c"}, b"")
            if request.fields.get("upgrade") == "h2c"
            else StubResponse()
        ),
    ),
    "no wait": ("over the limit", _throttle("")),
    "wait of none": ("over the limit", _throttle("0")),
    "no limit": (
        "over the limit",
        lambda request: StubResponse() if "lk_" in request.fields.get("x-api-key", "") else _refusal(request),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(fault: str) -> None:
    check, reply = FAULTS[fault]
    with stub(reply) as server:
        ran = run(server.url, "--exhaust", key=credential())
    assert ran.exit_code == 2
    assert ran.results[check] == "failed"
    assert len(server.requests) <= MAX_REQUESTS + 6
