"""Charges of keys with a plan, in several processes: what has to happen first, and what happens if it can't."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from apikeys.config_service import ConfigService
from apikeys.plan_claims import MAX_ROUNDS, UNSETTLED, UnknownUnits
from apikeys.policies.service import PolicyService
from events.origin import Origin
from latchkey.credentials import Credential
from ratelimit.claim import CountersMissing, PolicyOutdated, TermsEnded, Undecided
from ratelimit.costs import ONE, Costs
from ratelimit.decision import Decision
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError, open_store
from ratelimit.violations import violated_policies
from tests.apikeys.policies.stated import quota, rate
from tests.apikeys.process import ADDRESS, Process

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = Origin("command:test", "request-of-test")


@pytest.fixture
def limiter(tmp_path: Path) -> Iterator[Limiter]:
    limiter = Limiter(open_store(f"lmdb://{tmp_path / 'buckets'}"))
    yield limiter
    limiter.store.close()


@pytest.fixture
def policies(limiter: Limiter) -> PolicyService:
    return PolicyService(ORIGIN, limiter=limiter)


@pytest.fixture
def credential(limiter: Limiter, policies: PolicyService) -> Credential:
    policies.create_plan({"name": "gold", "limits": [rate("second", 3), quota("monthly")]})
    return ConfigService(ORIGIN, limiter=limiter).issue({"label": "x", "plan": "gold"}).credential


@pytest.fixture
def process(limiter: Limiter) -> Process:
    return Process(limiter)


def test_change_applies_to_the_next_request_of_another_process(
    process: Process, limiter: Limiter, policies: PolicyService, credential: Credential
) -> None:
    other = Process(limiter)
    verified = other.authenticator.authenticate(credential, ADDRESS)
    assert process.passes(credential)
    assert other.passes(credential)
    policies.change_plan("gold", {"limits": [rate("second", 1)]})
    (undecided,) = other.authenticator.charge_batch([(verified, ONE)])
    assert isinstance(undecided, PolicyOutdated), "the event loop reads no database"
    _, decision = other.authenticator.charge(verified, ADDRESS)
    assert violated_policies(decision) == ["second"]
    assert not process.passes(credential)


def test_batch_before_policies_are_read_is_not_decided(process: Process, credential: Credential) -> None:
    verified = process.authenticator.authenticate(credential, ADDRESS)
    assert process.authenticator.charge_batch([(verified, ONE)]) == [None]
    process.authenticator.read_policies()
    # The quota has no counter yet, so the database has to be read.
    assert process.authenticator.charge_batch([(verified, ONE)]) == [None]
    assert process.passes(credential)
    (decided,) = process.authenticator.charge_batch([(verified, ONE)])
    assert decided is not None


def test_only_a_key_with_an_unknown_plan_is_left_out_of_a_batch(
    process: Process, limiter: Limiter, policies: PolicyService, credential: Credential
) -> None:
    assert process.passes(credential)
    service = ConfigService(ORIGIN, limiter=limiter)
    known = process.authenticator.authenticate(credential, ADDRESS)
    plain = process.authenticator.authenticate(service.issue({"label": "plain"}).credential, ADDRESS)
    policies.create_plan({"name": "silver", "limits": [rate("second", 3)]})
    new = process.authenticator.authenticate(service.issue({"label": "new", "plan": "silver"}).credential, ADDRESS)
    for requests in ([known, new, plain, new], [new]):
        results = process.authenticator.charge_batch([(verified, ONE) for verified in requests])
        assert [verified is new for verified in requests] == [result is None for result in results]
        assert {type(result) for result in results} <= {type(None), PolicyOutdated}
    process.authenticator.refresh_policies(limiter.policy())
    results = process.authenticator.charge_batch([(verified, ONE) for verified in (new, known, plain)])
    assert [isinstance(result, Decision) and result.allowed for result in results] == [True] * 3


def test_unit_of_a_new_plan_is_known(process: Process, policies: PolicyService, credential: Credential) -> None:
    verified = process.authenticator.authenticate(credential, ADDRESS)
    costs = Costs(1, {"tokens": 1})
    with pytest.raises(UnknownUnits):
        process.authenticator.charge(verified, ADDRESS, costs)
    policies.create_plan({"name": "other", "limits": [rate("tpm", unit="tokens")]})
    assert not process.authenticator.knows_units(costs)
    assert process.authenticator.charge(verified, ADDRESS, costs)[1].allowed
    assert process.authenticator.knows_units(costs)


@pytest.mark.parametrize("reason", [PolicyOutdated(10**6), CountersMissing(()), TermsEnded(2_000_000_000)])
def test_rounds_are_bounded(
    reason: Undecided, process: Process, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = process.authenticator.authenticate(credential, ADDRESS)
    asked: list[object] = []

    def undecided(*arguments: object, **named: object) -> None:
        asked.append(arguments)
        raise reason

    monkeypatch.setattr(process.limiter, "take", undecided)
    with pytest.raises(BucketStoreError, match=UNSETTLED):
        process.authenticator.charge(verified, ADDRESS)
    assert len(asked) == MAX_ROUNDS


def test_database_that_is_down_ends_the_request(
    process: Process, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = process.authenticator.authenticate(credential, ADDRESS)
    assert process.passes(credential)

    def away(*_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("apikeys.policies.policies.read_after", away)
    process.limiter.set_policy(10**6)
    with pytest.raises(OperationalError):
        process.authenticator.charge(verified, ADDRESS)
