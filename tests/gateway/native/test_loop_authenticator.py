"""Verifications that the event loop decides, and those for which something has to be read."""

import json
from typing import Any

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.policies.service import PolicyService
from events.origin import Origin
from gateway.native.endpoint import MAX_LOOP_BYTES
from latchkey.credentials import generate_secret
from tests.gateway.endpoints import Ask, by_fast_path, natively, no_threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[natively, by_fast_path], ids=["native", "fast path"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


def verified(ask: Ask, caller: IssuedKey, credential: str, padding: int = 0, **values: object) -> dict[str, Any]:
    body = json.dumps({"credential": credential, **values}).encode() + b" " * padding
    fields = {"X-API-Key": caller.credential.reveal(), "Content-Type": "application/json"}
    answer = ask("POST", "/v1/verify", "", fields, body)
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found | {"of_caller": int(answer.fields["x-ratelimit-remaining"])}


def test_known_keys_need_no_thread(ask: Ask, root: IssuedKey, key: IssuedKey) -> None:
    credential = key.credential.reveal()
    first = verified(ask, root, credential)
    with no_threads():
        second = verified(ask, root, credential)
        assert verified(ask, root, credential, scopes=["nothing:read"])["code"] == "INSUFFICIENT_SCOPE"
    assert second["rate_limit"]["remaining"] == first["rate_limit"]["remaining"] - 1


def test_a_known_service_is_answered_by_the_fast_path(root: IssuedKey, key: IssuedKey) -> None:
    fields = {"X-API-Key": root.credential.reveal(), "Content-Type": "application/json"}
    sent = [key.credential.reveal(), "nonsense", f"{key.key.key_id}:{generate_secret()}"]
    bodies = [json.dumps({"credential": credential}).encode() for credential in (*sent, *sent)] + [b"{", b'{"cost": 0}']
    assert natively("POST", "/v1/verify", "", fields, bodies[0]).status == 200
    answers = [by_fast_path("POST", "/v1/verify", "", fields, body) for body in bodies]
    assert {answer.by for answer in answers} == {"fast path"}
    assert [answer.status for answer in answers] == [*[200] * 6, 400, 422]


def test_a_throttled_service_learns_nothing(ask: Ask, key: IssuedKey, service: ConfigService) -> None:
    limit = {"burst": 1, "per_seconds": 2_678_400}
    caller = service.issue({"label": "orders", "scopes": ["verify"], "rate_limit": limit})
    credential = key.credential.reveal()
    first = verified(ask, caller, credential)
    fields = {"X-API-Key": caller.credential.reveal(), "Content-Type": "application/json"}
    body = json.dumps({"credential": credential}).encode()
    denied = [ask("POST", "/v1/verify", "", fields, body) for _ in range(2)]
    assert [(answer.status, answer.slug, answer.fields["retry-after"]) for answer in denied] == [
        (429, "quota-exceeded", "2678400"),
    ] * 2  # fmt: skip
    service.update(caller.key.key_id, {"rate_limit": {"burst": 9, "per_seconds": 60}})
    assert verified(ask, caller, credential)["rate_limit"]["remaining"] == first["rate_limit"]["remaining"] - 1


def test_each_verification_takes_one_token_of_each_key(ask: Ask, key: IssuedKey, service: ConfigService) -> None:
    limit = {"burst": 100, "per_seconds": 2_678_400}
    caller = service.issue({"label": "orders", "scopes": ["verify"], "rate_limit": limit})
    credential = key.credential.reveal()
    found = [verified(ask, caller, credential)]
    # The event loop notices the change as it takes the token, and a thread decides again.
    service.update(key.key.key_id, {"owner": "bo"})
    found.append(verified(ask, caller, credential))
    service.update(caller.key.key_id, {"owner": "ann"})
    found += [verified(ask, caller, credential), verified(ask, caller, credential, padding=MAX_LOOP_BYTES)]
    assert [one["owner"] for one in found[1:]] == ["bo"] * 3
    assert [one["of_caller"] for one in found] == [99, 98, 97, 96]
    assert [one["rate_limit"]["remaining"] for one in found] == [4, 3, 2, 1]


def test_a_thread_reads_newer_policies(ask: Ask, key: IssuedKey, service: ConfigService) -> None:
    limit = {"burst": 100, "per_seconds": 2_678_400}
    caller = service.issue({"label": "orders", "scopes": ["verify"], "rate_limit": limit})
    credential = key.credential.reveal()
    found = [verified(ask, caller, credential), verified(ask, caller, credential)]
    rate = {"name": "second", "rate": {"burst": 9, "per_seconds": 3600}}
    PolicyService(Origin("command:test", "request-of-test")).create_plan({"name": "gold", "limits": [rate]})
    found.append(verified(ask, caller, credential))
    assert [one["code"] for one in found] == ["VALID"] * 3
    assert [one["of_caller"] for one in found] == [99, 98, 97]


def test_what_is_unknown_is_looked_up(ask: Ask, root: IssuedKey, key: IssuedKey, service: ConfigService) -> None:
    credential = key.credential.reveal()
    assert verified(ask, root, credential)["valid"]
    wrong = f"{key.key.key_id}:{root.credential.secret}"
    assert verified(ask, root, wrong)["code"] == "INVALID"
    service.revoke(key.key.key_id)
    assert verified(ask, root, credential)["code"] == "REVOKED"
