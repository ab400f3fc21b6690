"""Rate limits of keys and of client addresses, as a client of the API sees them."""

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.policies.service import PolicyService
from events.origin import Origin
from latchkey.credentials import generate_secret
from ratelimit.stores import MemoryStore
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


def test_exhausted_key_gets_429_with_retry_after(service: ConfigService, store: MemoryStore) -> None:
    issued = service.issue({"label": "x", "rate_limit": {"burst": 2, "per_seconds": 3600}})
    caller = Caller(issued.credential.reveal())
    assert [caller.get("/v1/whoami").status_code for _ in range(3)] == [200, 200, 429]
    response = caller.get("/v1/whoami")
    body = response.json()
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["violated-policies"] == ["key"]
    assert response["Retry-After"] == "1800"
    assert response["RateLimit"] == '"key";r=0;t=1800'
    assert store.peek(issued.key.key_id.encode()).throttled == 2


def test_plan_limits_of_the_calling_key(service: ConfigService) -> None:
    policies = PolicyService(Origin("command:test", "request-of-test"))
    limits = [
        {"name": "second", "rate": {"burst": 2, "per_seconds": 3600}},
        {"name": "tpm", "unit": "tokens", "rate": {"burst": 5, "per_seconds": 60}},
    ]
    policies.create_plan({"name": "gold", "limits": limits})
    values = {"label": "x", "plan": "gold", "rate_limit": {"burst": 9, "per_seconds": 3600}}
    caller = Caller(service.issue(values).credential.reveal())
    response = caller.get("/v1/whoami")
    assert response["RateLimit-Policy"] == '"key";q=9;w=3600, "second";q=2;w=3600, "tpm";q=5;w=60;qu="tokens"'
    assert response["RateLimit"] == '"key";r=8;t=400, "second";r=1;t=1800'
    assert caller.get("/v1/whoami").status_code == 200
    refused = caller.get("/v1/whoami")
    assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["second"])
    assert refused["Retry-After"] == "1800"


def test_429_precedes_403(service: ConfigService) -> None:
    issued = service.issue({"label": "x", "rate_limit": {"burst": 1, "per_seconds": 3600}})
    caller = Caller(issued.credential.reveal())
    assert [caller.get("/v1/keys").status_code for _ in range(2)] == [403, 429]


def test_unlimited_key_has_no_rate_limit_fields(service: ConfigService) -> None:
    issued = service.issue({"label": "x", "rate_limit": None})
    response = Caller(issued.credential.reveal()).get("/v1/whoami")
    assert response.json()["rate_limit"] is None
    assert not [name for name in response.headers if "ratelimit" in name.lower()]


def test_address_with_failures_gets_429(root: IssuedKey, anonymous: Caller) -> None:
    anonymous.credentials(HTTP_X_API_KEY=f"{root.key.key_id}:{generate_secret()}")
    answers = [anonymous.get("/v1/whoami") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert answers[-1].json()["violated-policies"] == ["address"]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert "RateLimit" not in answers[-1]
    assert Caller(root.credential.reveal()).get("/v1/whoami").status_code == 200


def test_406_costs_one_token(service: ConfigService, store: MemoryStore) -> None:
    issued = service.issue({"label": "x"})
    caller = Caller(issued.credential.reveal())
    response = caller.get("/v1/whoami", headers={"Accept": "image/png"})
    assert (response.status_code, response["X-RateLimit-Remaining"]) == (406, "59")
    assert store.peek(issued.key.key_id.encode()).allowed == 1
