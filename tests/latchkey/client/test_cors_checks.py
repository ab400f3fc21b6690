"""What latchkey proxy-test says about an origin: each fault that a proxy's configuration can have is found."""

from collections.abc import Mapping

import httpx
import pytest

from latchkey.client.cors_checks import check_cors
from latchkey.client.proxy_probe import Probe
from latchkey.origin import is_origin

APP = "https://app.example"
RIGHT = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Headers": "authorization, x-api-key",
    "Access-Control-Expose-Headers": "RateLimit, Retry-After",
}


def results(fields: Mapping[str, str] | None = None, *, preflight: int = 204, others: str = "") -> dict[str, str]:
    """The results before a proxy that adds these fields, answers a preflight so, and allows `others` to all."""

    def response(request: httpx.Request) -> httpx.Response:
        status = preflight if "Access-Control-Request-Method" in request.headers else 401
        if request.headers["Origin"] == APP:
            return httpx.Response(status, headers={**RIGHT, **(fields or {})})
        return httpx.Response(401, headers={"Access-Control-Allow-Origin": others} if others else {})

    with httpx.Client(transport=httpx.MockTransport(response)) as http:
        return {check.check: check.result.value for check in check_cors(Probe(http, "http://proxy/", "id", 5.0), APP)}


def test_right() -> None:
    assert set(results().values()) == {"ok"}
    assert set(results({"Access-Control-Allow-Headers": "*", "Access-Control-Expose-Headers": "*"}).values()) == {"ok"}


@pytest.mark.parametrize(
    ("wrong", "failed"),
    [
        (results(preflight=401), {"preflight"}),
        (results({"Access-Control-Allow-Origin": "*"}), {"preflight", "error is readable"}),
        (results({"Access-Control-Allow-Origin": f"{APP}, {APP}"}), {"preflight", "error is readable"}),
        (results({"Access-Control-Allow-Headers": "Content-Type"}), {"preflight"}),
        (results({"Access-Control-Expose-Headers": "RateLimit"}), {"error is readable"}),
        (results(others="*"), {"another origin"}),
    ],
)
def test_wrong(wrong: dict[str, str], failed: set[str]) -> None:
    assert {check for check, result in wrong.items() if result == "failed"} == failed


@pytest.mark.parametrize(
    "text", [APP, "http://localhost:3000", "http://[::1]:8", "capacitor://localhost", "https://a:80"]
)
def test_origins(text: str) -> None:
    assert is_origin(text)
