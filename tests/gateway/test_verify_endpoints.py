"""/v1/verify: the native endpoint and the Django view return the same response."""

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from tests.conftest import Caller
from tests.gateway.endpoints import Ask, by_django, by_fast_path, natively

pytestmark = pytest.mark.django_db(transaction=True)


def test_verify_requires_scope(key: IssuedKey, service: ConfigService) -> None:
    for endpoint in (by_django, natively, by_fast_path):
        fields = {"X-API-Key": key.credential.reveal(), "Content-Type": "application/json"}
        answer = endpoint("POST", "/v1/verify", "", fields, b'{"credential": "x"}')
        assert (answer.status, answer.slug) == (403, "insufficient-scope")


@pytest.mark.parametrize("body", [b"", b"{", b'{"credential": 1}', b"[]", b'{"credential": "x", "cost": 0}'])
def test_verify_rejects_same_bodies(root: IssuedKey, body: bytes) -> None:
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    # The fast path leaves the first request of a key that it doesn't know to the application.
    endpoints = (by_django, natively, by_fast_path)
    one, *others = (endpoint("POST", "/v1/verify", "", fields, body) for endpoint in endpoints)
    for other in others:
        assert (other.status, other.slug, other.problem.get("errors")) == (
            one.status, one.slug, one.problem.get("errors"),
        )  # fmt: skip


@pytest.mark.parametrize("endpoint", [by_django, natively, by_fast_path], ids=["django", "native", "fast path"])
def test_verify_takes_no_query(root: IssuedKey, endpoint: Ask) -> None:
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    answer = endpoint("POST", "/v1/verify", "cost=2", fields, b'{"credential": "x"}')
    assert (answer.status, [error["pointer"] for error in answer.problem["errors"]]) == (422, ["/cost"])


def test_unusual_verify_calls_go_to_django(api: Caller, root: IssuedKey) -> None:
    fields = {"X-API-Key": root.credential.reveal()}
    assert natively("GET", "/v1/verify", "", fields).status == 405
    assert natively("POST", "/v1/verify", "", {**fields, "Content-Type": "text/plain"}, b"x").status == 415
    assert natively("POST", "/v1/verify", "", {**fields, "Accept": "text/html"}, b"x").status in (406, 415)
