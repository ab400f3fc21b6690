"""Verifications that the event loop decides, and those for which something has to be read."""

import json
from typing import Any

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.policies.service import PolicyService
from events.origin import Origin
from gateway.native.endpoint import MAX_LOOP_BYTES
from tests.gateway.endpoints import natively, no_threads

pytestmark = pytest.mark.django_db(transaction=True)


def verified(caller: IssuedKey, credential: str, padding: int = 0, **values: object) -> dict[str, Any]:
    body = json.dumps({"credential": credential, **values}).encode() + b" " * padding
    fields = {"X-API-Key": caller.credential.reveal(), "Content-Type": "application/json"}
    answer = natively("POST", "/v1/verify", "", fields, body)
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found | {"of_caller": int(answer.fields["x-ratelimit-remaining"])}


def test_known_keys_need_no_thread(root: IssuedKey, key: IssuedKey) -> None:
    credential = key.credential.reveal()
    first = verified(root, credential)
    with no_threads():
        second = verified(root, credential)
        assert verified(root, credential, scopes=["nothing:read"])["code"] == "INSUFFICIENT_SCOPE"
    assert second["rate_limit"]["remaining"] == first["rate_limit"]["remaining"] - 1


def test_each_verification_takes_one_token_of_each_key(key: IssuedKey, service: ConfigService) -> None:
    limit = {"burst": 100, "per_seconds": 2_678_400}
    caller = service.issue({"label": "orders", "scopes": ["verify"], "rate_limit": limit})
    credential = key.credential.reveal()
    found = [verified(caller, credential)]
    # The event loop notices the change as it takes the token, and a thread decides again.
    service.update(key.key.key_id, {"owner": "bo"})
    found.append(verified(caller, credential))
    service.update(caller.key.key_id, {"owner": "ann"})
    found += [verified(caller, credential), verified(caller, credential, padding=MAX_LOOP_BYTES)]
    assert [one["owner"] for one in found[1:]] == ["bo"] * 3
    assert [one["of_caller"] for one in found] == [99, 98, 97, 96]
    assert [one["rate_limit"]["remaining"] for one in found] == [4, 3, 2, 1]


def test_a_thread_reads_newer_policies(key: IssuedKey, service: ConfigService) -> None:
    limit = {"burst": 100, "per_seconds": 2_678_400}
    caller = service.issue({"label": "orders", "scopes": ["verify"], "rate_limit": limit})
    credential = key.credential.reveal()
    found = [verified(caller, credential), verified(caller, credential)]
    rate = {"name": "second", "rate": {"burst": 9, "per_seconds": 3600}}
    PolicyService(Origin("command:test", "request-of-test")).create_plan({"name": "gold", "limits": [rate]})
    found.append(verified(caller, credential))
    assert [one["code"] for one in found] == ["VALID"] * 3
    assert [one["of_caller"] for one in found] == [99, 98, 97]


def test_what_is_unknown_is_looked_up(root: IssuedKey, key: IssuedKey, service: ConfigService) -> None:
    credential = key.credential.reveal()
    assert verified(root, credential)["valid"]
    wrong = f"{key.key.key_id}:{root.credential.secret}"
    assert verified(root, wrong)["code"] == "INVALID"
    service.revoke(key.key.key_id)
    assert verified(root, credential)["code"] == "REVOKED"
