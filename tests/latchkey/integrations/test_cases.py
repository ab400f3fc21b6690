"""Every integration does the same with the same request."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from latchkey import headers
from latchkey.client.rate_limit import RateLimit
from latchkey.problem_catalogue import CATALOGUE
from latchkey.problems import MEDIA_TYPE
from tests.latchkey.integrations.apps import Call
from tests.latchkey.integrations.cases import CASES, Case, forged, key
from tests.latchkey.integrations.conftest import Keys
from tests.latchkey.integrations.everywhere import INTEGRATIONS, NAMES

pytestmark = pytest.mark.storeless("what an integration makes of a verdict")
REQUEST_ID = "test.of-a_request"


@pytest.fixture(scope="module", params=NAMES)
def call(request: pytest.FixtureRequest, keys: Keys) -> Iterator[Call]:
    """Calls the service in one of the frameworks."""
    with INTEGRATIONS[request.param](keys.options()) as found:
        yield found


def problem_of(response: httpx.Response) -> dict[str, object]:
    assert response.headers["Content-Type"] == MEDIA_TYPE, response.text
    body: dict[str, object] = response.json()
    return body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(call: Call, keys: Keys, case: Case) -> None:
    response = call(case.path, {**case.send(keys), headers.REQUEST_ID: REQUEST_ID})
    assert response.status_code == case.status, response.text
    for name, value in (case.fields or {}).items():
        assert response.headers.get_list(name) == [value], name
    assert (headers.RATE_LIMIT in response.headers) is case.has_limit
    if case.path != "/health":
        assert response.headers.get_list(headers.REQUEST_ID) == [REQUEST_ID]
    if case.problem is None:
        return
    problem = problem_of(response)
    kind = CATALOGUE[case.problem]
    assert problem == {
        "type": kind.uri("https://keys.example"),
        "title": kind.title,
        "status": case.status,
        "detail": problem["detail"],
        "instance": case.path,
        "request_id": REQUEST_ID,
    }
    assert response.headers["Cache-Control"] == "no-store"
    assert headers.RETRY_AFTER not in response.headers


def test_the_service_knows_its_caller(call: Call, keys: Keys) -> None:
    caller = keys.new()
    found = call("/orders", key(caller.reveal())).json()
    assert found == {
        "key_id": caller.key_id,
        "owner": "shop",
        "scopes": ["orders:read"],
        "label": "orders client",
        "metadata": {"team": 7},
        "verified": True,
    }


def test_missing_scope_is_named(call: Call, keys: Keys) -> None:
    response = call("/orders", key(keys.new(scopes=["orders:write"]).reveal()))
    assert problem_of(response)["detail"] == "This call needs the scope orders:read."


def test_cost_and_bucket_are_named(call: Call, keys: Keys) -> None:
    response = call("/exports", key(keys.new(rate_limit=RateLimit(4, 60)).reveal()))
    detail = "This request costs 5 tokens; the key's bucket holds 4. Give the key a burst of at least 5."
    assert problem_of(response)["detail"] == detail


def test_throttled(call: Call, keys: Keys) -> None:
    caller = key(keys.new(rate_limit=RateLimit(1, 3600)).reveal())
    assert call("/orders", caller).status_code == 200
    response = call("/orders", caller)
    problem = problem_of(response)
    assert (response.status_code, problem["type"]) == (429, CATALOGUE["quota-exceeded"].uri(""))
    assert problem["violated-policies"] == ["key"]
    wait = response.headers[headers.RETRY_AFTER]
    assert 3590 < int(wait) <= 3600
    assert problem["detail"] == f"Rate limit exceeded. Retry in {wait} seconds."
    assert response.headers[headers.RATE_LIMIT] == f'"key";r=0;t={wait}'


def test_a_denial_for_its_scope_is_charged(call: Call, keys: Keys) -> None:
    caller = key(keys.new(scopes=["a:b"], rate_limit=RateLimit(2, 3600)).reveal())
    assert [call("/orders", caller).status_code for _ in range(3)] == [403, 403, 429]


def test_another_request_id_is_replaced(call: Call, keys: Keys) -> None:
    response = call("/orders", {headers.REQUEST_ID: "two words"})
    assert response.headers[headers.REQUEST_ID] == problem_of(response)["request_id"]
    assert response.headers[headers.REQUEST_ID] != "two words"


@pytest.mark.parametrize("integration", NAMES)
def test_identity_of_a_trusted_proxy(integration: str, keys: Keys) -> None:
    with INTEGRATIONS[integration](keys.options(trust_proxy_identity=True)) as call, ExitStack():
        sent = forged(keys)
        passes = call("/orders", sent)
        assert passes.status_code == 200
        assert passes.json() == {
            "key_id": sent[headers.LATCHKEY_KEY_ID],
            "owner": "shopé",
            "scopes": ["keys:read", "orders:read"],
            "label": None,
            "metadata": {},
            "verified": True,
        }
        lacks = call("/orders", {**sent, headers.LATCHKEY_SCOPES: "orders:write"})
        assert (lacks.status_code, problem_of(lacks)["title"]) == (403, "The key lacks a scope")
        assert call("/orders", {**sent, headers.LATCHKEY_KEY_ID: "lk_x"}).status_code == 401
        assert call("/orders", key(keys.new().reveal())).status_code == 200
