"""POST /v1/verify: each verdict, what it costs and whom."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def service_key(service: ConfigService) -> Caller:
    """A service that may ask."""
    limit = {"burst": 1000, "per_seconds": 60}
    return Caller(service.issue({"label": "shop", "scopes": ["verify"], "rate_limit": limit}).credential.reveal())


@pytest.fixture
def client_key(service: ConfigService) -> IssuedKey:
    return service.issue(
        {
            "label": "customer", "owner": "ada", "scopes": ["orders:*"], "metadata": {"plan": "gold"},
            "rate_limit": {"burst": 3, "per_seconds": 3600},
        }
    )  # fmt: skip


def verify(caller: Caller, credential: str, **more: Any) -> dict[str, Any]:
    response = caller.post("/v1/verify", {"credential": credential, **more})
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    found: dict[str, Any] = response.json()
    return found


def test_valid(service_key: Caller, client_key: IssuedKey) -> None:
    assert verify(service_key, client_key.credential.reveal(), scopes=["orders:read"]) == {
        "valid": True, "code": "VALID", "key_id": client_key.key.key_id, "label": "customer", "owner": "ada",
        "scopes": ["orders:*"], "metadata": {"plan": "gold"}, "retry_after": None,
        "rate_limit": {
            "limit": 3,
            "per_seconds": 3600,
            "remaining": 2,
            "next_token_seconds": 1200,
            "reset_seconds": 1200,
        },
    }  # fmt: skip


def test_cost_and_limit(service_key: Caller, client_key: IssuedKey) -> None:
    credential = client_key.credential.reveal()
    assert verify(service_key, client_key.credential.reveal_as_one_token(), cost=2)["rate_limit"]["remaining"] == 1
    throttled = verify(service_key, credential, cost=2)
    assert (throttled["valid"], throttled["code"], throttled["retry_after"]) == (False, "RATE_LIMITED", 1200)
    assert throttled["rate_limit"]["remaining"] == 1
    assert verify(service_key, credential)["code"] == "VALID"
    assert verify(service_key, credential)["code"] == "RATE_LIMITED"


def test_missing_scope_is_charged(service_key: Caller, client_key: IssuedKey) -> None:
    credential = client_key.credential.reveal()
    refused = verify(service_key, credential, scopes=["orders:read", "users:read"])
    assert (refused["valid"], refused["code"], refused["rate_limit"]["remaining"]) == (False, "INSUFFICIENT_SCOPE", 2)


def test_unlimited_key(service_key: Caller, service: ConfigService) -> None:
    credential = service.issue({"label": "x", "rate_limit": None}).credential.reveal()
    found = verify(service_key, credential)
    assert (found["code"], found["rate_limit"]) == ("VALID", None)


def test_wrong_secret_hides_key_state(service_key: Caller, client_key: IssuedKey, service: ConfigService) -> None:
    key, credential = client_key.key, client_key.credential.reveal()
    wrong = service.rotate(service.issue({"label": "y"}).key.key_id, {"grace_seconds": 0}).credential.reveal()
    of_another = f"{key.key_id}:{wrong.partition(':')[2]}"
    nothing = {"key_id": None, "label": None, "owner": None, "scopes": None, "metadata": None, "rate_limit": None}
    assert verify(service_key, credential)["code"] == "VALID"
    service.update(key.key_id, {"enabled": False})
    assert verify(service_key, credential) == {"valid": False, "code": "DISABLED", "retry_after": None, **nothing}
    assert verify(service_key, of_another)["code"] == "INVALID"
    service.update(key.key_id, {"enabled": True})
    assert verify(service_key, credential)["code"] == "VALID"
    APIKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    service.update(key.key_id, {"label": "z"})
    assert verify(service_key, credential)["code"] == "EXPIRED"
    service.revoke(key.key_id)
    assert verify(service_key, credential)["code"] == "REVOKED"
    unknown = f"lk_{'0' * 12}:{wrong.partition(':')[2]}"
    for bad in (unknown, of_another, "nonsense", "", credential[:-1] + "!"):
        assert verify(service_key, bad) == {"valid": False, "code": "INVALID", "retry_after": None, **nothing}


def test_wrong_credentials_do_not_block_service(service_key: Caller, client_key: IssuedKey) -> None:
    for _ in range(30):  # AUTH_FAILURE_LIMIT is 20 an address
        assert verify(service_key, "lk_x")["code"] == "INVALID"
    assert verify(service_key, client_key.credential.reveal())["code"] == "VALID"


@pytest.mark.parametrize(
    ("values", "pointers"),
    [
        ({}, ["/credential"]),
        ({"credential": 5, "scopes": "x", "cost": 0}, ["/credential", "/scopes", "/cost"]),
        ({"credential": "x", "cost": True, "who": 1}, ["/cost", "/who"]),
    ],
)
def test_invalid_parameters_are_rejected(service_key: Caller, values: dict[str, object], pointers: list[str]) -> None:
    response = service_key.post("/v1/verify", values)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == pointers


def test_cost_above_burst(service_key: Caller, client_key: IssuedKey) -> None:
    response = service_key.post("/v1/verify", {"credential": client_key.credential.reveal(), "cost": 4})
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/cost", "above-burst")
    assert error["detail"].startswith("This request costs 4 tokens; the key's bucket holds 3. Give the key a burst of")


def test_scope_is_required(client_key: IssuedKey) -> None:
    caller = Caller(client_key.credential.reveal())
    assert caller.post("/v1/verify", {"credential": "x"}).status_code == 403
