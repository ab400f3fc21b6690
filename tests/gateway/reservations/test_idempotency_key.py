"""A reservation that is asked for twice under one Idempotency-Key is made once."""

import json

import pytest
from django.db import OperationalError

from apikeys.config_service import ConfigService
from apikeys.models import IdempotencyRecord
from apikeys.policies.service import PolicyService
from tests.conftest import Caller
from tests.gateway.reservations.asking import STREAMS, TOKENS, issue, made, reserve, settle, used

pytestmark = pytest.mark.django_db(transaction=True)


def test_idempotency_key_makes_a_repetition_the_same_reservation(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    first, again = (reserve(gateway, credential, 400, name="job-7") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert used(api, credential)["budget"] == 400
    other = reserve(gateway, credential, 401, name="job-7")
    assert [error["code"] for error in other.json()["errors"]] == ["idempotency-key-reused"]
    wrong = reserve(gateway, f"{credential[:-1]}{'a' if credential[-1] != 'a' else 'b'}", 400, name="job-7")
    assert wrong.status_code == 422, "another secret is another request"
    kept = json.dumps(list(IdempotencyRecord.objects.values()), default=str)
    assert credential.partition(":")[2] not in kept


def test_refused_reservation_leaves_the_idempotency_key_free(
    gateway: Caller, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, TOKENS)
    reservation = made(reserve(gateway, credential))
    assert reserve(gateway, credential, 400, name="job-8").json()["code"] == "RATE_LIMITED"
    settle(gateway, reservation, tokens=100)
    assert len({made(reserve(gateway, credential, 400, name="job-8")) for _ in range(2)}) == 1


def test_reservation_that_cannot_be_remembered_is_given_back(
    api: Caller, gateway: Caller, service: ConfigService, policies: PolicyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = issue(service, policies, TOKENS, STREAMS)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(IdempotencyRecord, "save", fail)
        assert reserve(gateway, credential, 400, name="job-9").status_code == 503
    assert used(api, credential) == {"key": 0, "budget": 0, "streams": 0}
