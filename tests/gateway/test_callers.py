"""Who uses a key: each endpoint records the callers of authenticated requests, and of no other."""

from dataclasses import replace

import pytest
from pytest_django import Settings

from apikeys.authenticator import default_authenticator
from apikeys.callers.recorder import CALLERS
from apikeys.client_address import parse_networks
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import CallerKind
from gateway.native import check_responses
from gateway.native.allow_responses import precomputed_of
from latchkey.credentials import generate_secret
from tests.conftest import Caller
from tests.gateway.endpoints import Ask, by_django, by_fast_path, check, natively, with_wrong_secret

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS, SERVICE = CallerKind.ADDRESS, CallerKind.SERVICE
Seen = dict[str, dict[tuple[CallerKind, str], int]]


def recorded() -> Seen:
    """Requests by key, kind and value."""
    return {key_id: {at: sighting.requests for at, sighting in seen.items()} for key_id, seen in CALLERS.take().items()}


def test_check_records_address_and_product(ask: Ask, key: IssuedKey) -> None:
    credential = key.credential.reveal()
    for _ in range(2):
        assert check(ask, credential, **{"User-Agent": "python-requests/2.31.0"}).status == 204
    assert recorded() == {key.key.key_id: {(ADDRESS, "192.0.2.1"): 2, (SERVICE, "python-requests/2.31"): 2}}


def test_denied_requests_of_a_valid_credential_count(ask: Ask, key: IssuedKey) -> None:
    credential = key.credential.reveal()
    assert check(ask, credential, "scope=nothing:else").status == 403
    statuses = [check(ask, credential).status for _ in range(5)]
    assert statuses[-1] == 429
    assert recorded() == {key.key.key_id: {(ADDRESS, "192.0.2.1"): 6}}


def test_unauthenticated_requests_are_not_recorded(ask: Ask, key: IssuedKey, service: ConfigService) -> None:
    credential = key.credential.reveal()
    assert check(ask, None).status == 401
    assert check(ask, with_wrong_secret(credential)).status == 401
    assert check(ask, f"lk_000000000000:{generate_secret()}").status == 401
    assert check(ask, credential, "cost=6").status == 403, "more than the bucket can ever hold"
    service.revoke(key.key.key_id)
    assert check(ask, credential).slug == "revoked-key"
    assert recorded() == {}


def test_check_of_a_trusted_proxy_records_client_and_host(ask: Ask, key: IssuedKey, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = parse_networks(["192.0.2.1"])
    fields = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "orders.example", "User-Agent": "curl/8.5.0"}
    assert check(ask, key.credential.reveal(), **fields).status == 204
    assert recorded() == {key.key.key_id: {(ADDRESS, "203.0.113.7"): 1, (SERVICE, "orders.example"): 1}}


def test_client_claims_neither_address_nor_host(ask: Ask, key: IssuedKey) -> None:
    fields = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "orders.example", "User-Agent": "curl/8.5.0"}
    assert check(ask, key.credential.reveal(), **fields).status == 204
    assert recorded() == {key.key.key_id: {(ADDRESS, "192.0.2.1"): 1, (SERVICE, "curl/8.5"): 1}}


@pytest.mark.parametrize("endpoint", [by_django, natively, by_fast_path])
def test_verified_key_shows_which_service_received_it(endpoint: Ask, key: IssuedKey, service: ConfigService) -> None:
    shop = service.issue({"label": "shop", "scopes": ["verify"]})
    body = f'{{"credential": "{key.credential.reveal()}"}}'.encode()
    fields = {"X-API-Key": shop.credential.reveal(), "Content-Type": "application/json", "User-Agent": "shop/2"}
    assert endpoint("POST", "/v1/verify", "", fields, body).status == 200
    wrong = f'{{"credential": "{with_wrong_secret(key.credential.reveal())}"}}'.encode()
    assert endpoint("POST", "/v1/verify", "", fields, wrong).status == 200
    assert recorded() == {
        shop.key.key_id: {(ADDRESS, "192.0.2.1"): 2, (SERVICE, "shop/2"): 2},
        key.key.key_id: {(SERVICE, f"/v1/verify by {shop.key.key_id}"): 1},
    }


def test_rest_records_its_caller(api: Caller, root: IssuedKey, anonymous: Caller) -> None:
    assert anonymous.get("/v1/keys").status_code == 401
    assert api.get("/v1/keys", headers={"User-Agent": "latchkey/0.1.0"}).status_code == 200
    assert api.get("/v1/nothing").status_code == 404
    assert recorded() == {root.key.key_id: {(ADDRESS, "127.0.0.1"): 1, (SERVICE, "latchkey/0.1"): 1}}


def test_failure_to_record_fails_no_request(ask: Ask, key: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no caller")

    monkeypatch.setattr(check_responses, "caller_of_scope", broken)
    monkeypatch.setattr("gateway.native.callers.caller_of_scope", broken)
    monkeypatch.setattr("gateway.views.caller_of_environ", broken)
    assert check(ask, key.credential.reveal()).status == 204
    assert recorded() == {}


def test_record_that_is_read_again_shows_its_caller_soon(key: IssuedKey) -> None:
    verified = default_authenticator().authenticate(key.credential, "192.0.2.1")
    first = precomputed_of(verified.record)
    first.countdown.postpone()
    first.countdown.left -= 3
    assert precomputed_of(verified.record) is first
    again = precomputed_of(replace(verified.record))
    assert (again.countdown.left, again.countdown.missed) == (0, 4)
