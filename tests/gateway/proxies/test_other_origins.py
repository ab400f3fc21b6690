"""--cors-origin, --keep-authorization and --websocket together, through each real proxy and with a real browser."""

import base64
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from latchkey import headers
from latchkey.client.cors_checks import check_cors
from latchkey.client.proxy_checks import CheckResult
from latchkey.client.proxy_probe import Probe
from latchkey.credentials import generate_key_id, generate_secret
from tests.gateway.proxies.conftest import NAMES, SCOPE, Keys
from tests.gateway.proxies.echo import Echo
from tests.gateway.proxies.running import Proxy, public_url, running
from tests.gateway.proxies.test_verdicts import problem, received
from tests.support.browser import chromium
from tests.support.server import RunningServer

pytestmark = pytest.mark.slow("runs each proxy, and a browser")

APP: Final = "https://app.example"
ORIGIN: Final = "Access-Control-Allow-Origin"
EXPOSED: Final = "Access-Control-Expose-Headers"
ASKED: Final = "Access-Control-Request-Method"


class _Page(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>app</title><link rel=icon href=data:,>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    """The port of a server of pages. By its two names it has two origins."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, latchkey: RunningServer, service: Echo, pages: int
) -> Iterator[Any]:
    """Starts a proxy by its name, each once."""
    with ExitStack() as stack:

        @cache
        def started(name: str) -> Proxy:
            directory: Path = tmp_path_factory.mktemp(name)
            options: dict[str, Any] = {
                "cors_origins": (APP, f"http://localhost:{pages}"),
                "keep_authorization": True,
                "websocket": True,
            }
            proxy = running(name, directory, service.url, latchkey, scopes=[SCOPE], **options)
            return stack.enter_context(proxy)

        yield started


@pytest.fixture(params=NAMES)
def proxy(request: pytest.FixtureRequest, start: Any) -> Proxy:
    found: Proxy = start(request.param)
    return found


def cors_fields(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def readable(answer: httpx.Response) -> bool:
    """Whether a browser lets a page of APP read the answer, with the fields of ours."""
    exposed = {name.strip().lower() for name in answer.headers[EXPOSED].split(",")}
    assert {"ratelimit", "ratelimit-policy", "retry-after", "x-request-id", "*"} <= exposed
    assert "access-control-allow-credentials" not in answer.headers
    assert len(answer.headers.get_list(EXPOSED)) == 1
    return answer.headers.get_list(ORIGIN) == [APP] and varies(answer, "Origin")


def varies(answer: httpx.Response, name: str) -> bool:
    return name.lower() in [value.lower() for value in answer.headers.get_list("Vary", split_commas=True)]


def test_preflight_does_not_reach_service(proxy: Proxy, service: Echo) -> None:
    before = len(service.seen)
    asked = {"Origin": APP, ASKED: "PUT", "Access-Control-Request-Headers": "x-api-key,x-tenant"}
    with proxy.client() as client:
        answer = client.options("/orders/7?x=1", headers=asked)
    assert (answer.status_code < 300, answer.content) == (True, b"")
    assert answer.headers.get_list(ORIGIN) == [APP]
    assert varies(answer, "Origin") or proxy.name == "envoy", "no cache keeps it all the same (RFC 9110, 9.3.7)"
    assert {"PUT", "PATCH", "DELETE", "*"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    fields = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"X-API-Key", "Authorization", "Content-Type", "X-Request-Id", "*"} <= fields
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert len(service.seen) == before


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("OPTIONS", {}),
        ("OPTIONS", {"Origin": APP}),
        ("OPTIONS", {ASKED: "GET"}),
        ("OPTIONS", {"Origin": APP, ASKED: ""}),
        ("GET", {"Origin": APP, ASKED: "GET"}),
        *(
            ("OPTIONS", {"Origin": origin, ASKED: "GET"})
            for origin in ("https://other.example", f"{APP}.evil", f"{APP}:444", "https://app-example", "null", "*", "")
        ),
    ],
)
def test_other_options_request_requires_key(proxy: Proxy, service: Echo, method: str, fields: dict[str, str]) -> None:
    before = len(service.seen)
    with proxy.client() as client:
        answer = client.request(method, "/", headers=fields)
    assert (answer.status_code, len(service.seen)) == (401, before)
    assert "access-control-allow-methods" not in answer.headers
    if fields.get("Origin") != APP:
        assert cors_fields(answer) == {}


def test_denials_can_be_read(proxy: Proxy, keys: Keys) -> None:
    latchkey = public_url(keys.server)
    poor = keys.new(rate_limit={"burst": 1, "per_seconds": 3600})["credential"]
    with proxy.client(headers={"Origin": APP}) as client:
        assert client.get("/", headers={"X-API-Key": poor}).status_code == 200
        answers = {
            "missing-credential": client.get("/"),
            "insufficient-scope": client.get("/", headers={"X-API-Key": keys.new(scopes=["a:b"])["credential"]}),
            "quota-exceeded": client.get("/", headers={"X-API-Key": poor}),
        }
    for slug, answer in answers.items():
        problem(answer, slug, latchkey)
        assert readable(answer), slug


def test_proxy_test_passes(proxy: Proxy) -> None:
    with proxy.client() as client:
        found = list(check_cors(Probe(client, proxy.url, "id", 30.0), APP))
    assert [check for check in found if check.result is not CheckResult.OK] == []


def test_fields_of_service_are_replaced(proxy: Proxy, keys: Keys) -> None:
    with proxy.client(headers={"X-API-Key": keys.new()["credential"]}) as client:
        allowed = client.get("/", headers={"Origin": APP})
        others = client.get("/", headers={"Origin": "https://other.example"}), client.get("/")
    assert readable(allowed)
    for answer in (allowed, *others):
        assert varies(answer, "Origin")
        assert varies(answer, "Accept")
    assert [cors_fields(answer) for answer in others] == [{}, {}]


@pytest.mark.parametrize(
    "value", ["Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "Basic YWxpY2U6cHc=", "AWS4-HMAC-SHA256 a=1, b=2"]
)
def test_authorization_reaches_service(proxy: Proxy, keys: Keys, value: str) -> None:
    with proxy.client(headers={"X-API-Key": keys.new()["credential"], "Authorization": value}) as client:
        seen = received(client.get("/"))
    assert seen["authorization"] == [value]
    assert "x-api-key" not in seen


def _of(scheme: str, credential: str) -> str:
    return f"{scheme} {base64.b64encode(credential.encode()).decode() if scheme == 'basic' else credential}"


@pytest.mark.parametrize("scheme", ["bearer", "basic", "Token"])
@pytest.mark.parametrize("separator", [":", "."])
def test_no_credential_reaches_service(proxy: Proxy, keys: Keys, scheme: str, separator: str) -> None:
    """A key of another client, which Latchkey is not even sent: it would be a second credential."""
    other = _of(scheme, f"{generate_key_id()}{separator}{generate_secret()}")
    with proxy.client(headers={"X-API-Key": keys.new()["credential"], "Authorization": other}) as client:
        assert "authorization" not in received(client.get("/"))


def test_second_authorization_is_checked(proxy: Proxy, keys: Keys) -> None:
    credential = keys.new()["credential"]
    fields = [("X-API-Key", credential), ("Authorization", "Bearer a.b.c"), ("Authorization", f"Bearer {credential}")]
    with proxy.client(headers=fields) as client:
        answer = client.get("/")
    assert answer.status_code == 400 or credential not in answer.text


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_key_in_authorization_is_ignored(proxy: Proxy, keys: Keys, service: Echo, scheme: str) -> None:
    before = len(service.seen)
    with proxy.client(headers={"Authorization": _of(scheme, keys.new()["credential"])}) as client:
        answer = client.get("/")
    detail = problem(answer, "missing-credential", public_url(keys.server))["detail"]
    assert headers.API_KEY in detail or "API key" in detail
    assert len(service.seen) == before


CALL: Final = """async ([url, key]) => {
  try {
    const answer = await fetch(url, {method: "PUT", headers: key ? {"X-API-Key": key, "X-Tenant": "a"} : {}});
    return {
      status: answer.status, title: (await answer.json()).title, own: answer.headers.get("X-Its-Own"),
      left: answer.headers.get("RateLimit"), wait: answer.headers.get("Retry-After"),
    };
  } catch (error) { return {failed: error.name}; }
}"""


@pytest.mark.needs("chromium", "nginx")
def test_page_of_another_origin(start: Any, keys: Keys, pages: int) -> None:
    """It calls the service with a key and fields of its own, and reads the answer, what is left, and each refusal."""
    credential = keys.new(rate_limit={"burst": 1, "per_seconds": 3600})["credential"]
    url = f"{start('nginx').url}/orders/7"
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://localhost:{pages}/")
        refused, passed, throttled = (page.evaluate(CALL, [url, key]) for key in (None, credential, credential))
        page.goto(f"http://127.0.0.1:{pages}/")
        assert page.evaluate(CALL, [url, credential]) == {"failed": "TypeError"}
    assert (refused["status"], refused["title"]) == (401, "Missing credential")
    assert (passed["status"], passed["left"]) == (200, '"key";r=0;t=3600')
    assert throttled["status"] == 429
    assert int(throttled["wait"]) > 0
