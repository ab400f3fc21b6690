"""/health on the event loop."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane import asgi
from gateway.native.health import is_health_probe
from health.cached_response import current_health
from health.local_health import Status
from tests.gateway.endpoints import HOST, by_django, natively, scope_of


@pytest.fixture(autouse=True)
def seen() -> Iterator[None]:
    current_health()._latest = Status.OK
    yield
    current_health.cache_clear()


@pytest.fixture
def no_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of Django's is free, and none will be."""

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    for name in ("_for_known_keys", "_for_others", "_for_passwords"):
        monkeypatch.setattr(asgi, name, never)


@pytest.mark.usefixtures("no_django")
@pytest.mark.parametrize(("status", "code"), [(Status.OK, 200), (Status.DEGRADED, 200), (Status.DOWN, 503)])
def test_probe_needs_no_thread(status: Status, code: int) -> None:
    current_health()._latest = status
    answer = natively("GET", "/health", "", {"X-Request-Id": "probe-1"})
    assert (answer.status, answer.body) == (code, b'{"status":"%s"}' % status.encode())
    assert (answer.fields["x-request-id"], answer.fields["cache-control"]) == ("probe-1", "no-store")


@pytest.mark.usefixtures("no_django")
@pytest.mark.parametrize("query", ["t=1798761600", "t=&t=", "verbose"])
def test_query_parameters_are_ignored(query: str) -> None:
    assert natively("GET", "/health", query, {}).status == 200


@pytest.mark.django_db
def test_django_returns_same_response() -> None:
    one, other = (endpoint("GET", "/health", "", {}) for endpoint in (by_django, natively))
    assert (one.status, one.body, one.fields["content-type"]) == (
        other.status,
        other.body,
        other.fields["content-type"],
    )


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("POST", {}),
        ("OPTIONS", {}),
        ("GET", {"Accept": "text/html"}),
        ("GET", {"Host": "elsewhere.example"}),
    ],
)
def test_unusual_requests_go_to_django(method: str, fields: dict[str, str]) -> None:
    scope = scope_of(method, "/health", "", fields)
    if "Host" in fields:
        scope["headers"] = [(b"host", fields["Host"].encode())]
    assert not is_health_probe(scope)


@pytest.mark.parametrize("host", [HOST, f"{HOST}:8000", "localhost:8000"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_plain_probes_do_not_go_to_django(method: str, host: str) -> None:
    scope = scope_of(method, "/health", "", {"Accept": "application/json"})
    scope["headers"][0] = (b"host", host.encode())
    assert is_health_probe(scope)


def test_unknown_status_goes_to_django() -> None:
    current_health()._latest = None
    assert not is_health_probe(scope_of("GET", "/health", "", {}))
