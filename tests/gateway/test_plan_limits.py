"""/v1/check and /v1/verify for keys with a plan: every endpoint asks all limits, and says what is left of them."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import QuotaUse
from apikeys.policies.service import PolicyService
from events.origin import Origin
from gateway.native.metrics import flush
from ratelimit.costs import MAX_UNITS
from ratelimit.limiter import default_limiter
from ratelimit.unit_counters import name_of
from tests.gateway.endpoints import Answered, Ask, by_django, by_fast_path, check, natively

pytestmark = pytest.mark.django_db(transaction=True)

MONTHLY = {"name": "monthly", "quota": {"quota": 100, "per": "once"}}
TOKENS = {"name": "tpm", "unit": "tokens", "rate": {"burst": 1000, "per_seconds": 3600}}
SECOND = {"name": "second", "rate": {"burst": 3, "per_seconds": 3600}}


@pytest.fixture
def policies(db: None) -> PolicyService:
    return PolicyService(Origin("command:test", "request-of-test"))


def issue(service: ConfigService, policies: PolicyService, *limits: dict[str, Any], **more: Any) -> str:
    """A key with a plan of these limits. Return its credential."""
    policies.create_plan({"name": "gold", "limits": list(limits)})
    values = {"label": "x", "plan": "gold", "rate_limit": {"burst": 5, "per_seconds": 3600}, **more}
    return service.issue(values).credential.reveal()


def verify(endpoint: Ask, caller: str, credential: str, **more: Any) -> Answered:
    fields = {"X-API-Key": caller, "Content-Type": "application/json"}
    return endpoint("POST", "/v1/verify", "", fields, json.dumps({"credential": credential, **more}).encode())


def test_fields_list_all_limits_and_the_claimed_ones(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, MONTHLY, TOKENS)
    for left in (4, 3):
        answer = check(ask, credential)
        assert answer.status == 204
        assert answer.fields["ratelimit-policy"] == (
            '"key";q=5;w=3600, "monthly";q=100, "tpm";q=1000;w=3600;qu="tokens"'
        )
        assert answer.fields["ratelimit"] == f'"key";r={left};t=720, "monthly";r={95 + left}'
        assert answer.fields["x-ratelimit-limit"] == "5"
        assert answer.fields["x-ratelimit-remaining"] == str(left)
    with_tokens = check(ask, credential, "cost.tokens=900")
    assert with_tokens.fields["ratelimit"] == '"key";r=2;t=720, "monthly";r=97, "tpm";r=100;t=4'
    assert with_tokens.fields["x-ratelimit-limit"] == "1000", "a tenth of it is left, which is less than two fifths"
    assert with_tokens.fields["x-ratelimit-reset"] == "3240"


def test_costs_in_other_units_are_usage_of_any_key(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    """Also if the key has no limit in the unit, or none at all."""
    limited = issue(service, policies, TOKENS)
    free = service.issue({"label": "x", "rate_limit": {"burst": 5, "per_seconds": 3600}}).credential.reveal()
    for credential in (limited, free):
        plain, costly = check(ask, credential), check(ask, credential, "cost.tokens=350")
        assert (plain.status, costly.status) == (204, 204)
        assert costly.fields["ratelimit-policy"] == plain.fields["ratelimit-policy"]
        assert ("tpm" in costly.fields["ratelimit"]) is (credential == limited)
    assert check(ask, limited, "cost.tokens=900").status == 429
    assert check(ask, free, "cost.token=1").status == 422
    counted = {
        name: sum(place.charged for place in found.places) for name, found in default_limiter().store.scan_units()
    }
    assert counted == {name_of(one.partition(":")[0].encode(), "tokens"): 350 for one in (limited, free)}


def test_too_many_units_are_rejected(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    caller = service.issue({"label": "s", "scopes": ["verify"], "rate_limit": None}).credential.reveal()
    costs = {f"unit{number}": 1 for number in range(MAX_UNITS + 1)}
    answer = verify(natively, caller, issue(service, policies, TOKENS), costs=costs)
    assert [(error["pointer"], error["code"]) for error in answer.problem["errors"]] == [("/costs/unit16", "too-many")]


def test_second_request_is_answered_by_the_fast_path(service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, TOKENS)
    assert [check(by_fast_path, credential, "cost.tokens=1").by for _ in range(3)][1:] == ["fast path"] * 2


def test_denial_names_what_refused_and_takes_nothing(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, SECOND, TOKENS)
    assert [check(ask, credential).status for _ in range(3)] == [204] * 3
    refused = check(ask, credential, "cost.tokens=10")
    assert (refused.status, refused.problem["violated-policies"]) == (429, ["second"])
    assert refused.problem["detail"] == "Limit exceeded: second. Retry in 1200 seconds."
    assert refused.fields["retry-after"] == "1200"
    assert refused.fields["ratelimit"] == '"key";r=2;t=720, "second";r=0;t=1200, "tpm";r=1000;t=0'
    assert refused.fields["x-ratelimit-limit"] == "3"
    several = check(ask, credential, "cost=3")
    assert several.problem["violated-policies"] == ["key", "second"]
    assert several.problem["detail"] == "Limits exceeded: key, second. Retry in 3600 seconds."
    assert several.fields["retry-after"] == "3600"


def test_quota_that_never_starts_again_has_no_time_to_wait(
    ask: Ask, service: ConfigService, policies: PolicyService
) -> None:
    trial = {"name": "trial", "quota": {"quota": 1, "per": "once"}}
    credential = issue(service, policies, trial)
    assert check(ask, credential).status == 204
    refused = check(ask, credential)
    assert (refused.status, refused.problem["violated-policies"]) == (429, ["trial"])
    assert "retry-after" not in refused.fields
    assert "Retry" not in refused.problem["detail"]
    assert "x-ratelimit-reset" not in refused.fields


def test_unlimited_key_has_fields_of_its_plan_only(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, SECOND, rate_limit=None)
    answer = check(ask, credential)
    assert answer.fields["ratelimit-policy"] == '"second";q=3;w=3600'
    assert answer.fields["ratelimit"] == '"second";r=2;t=1200'
    assert answer.fields["x-ratelimit-remaining"] == "2"


def test_observed_limit_refuses_nothing(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    soft = {"name": "soft", "mode": "observe", "quota": {"quota": 1, "per": "once"}}
    credential = issue(service, policies, soft, rate_limit=None)
    assert [check(ask, credential).status for _ in range(3)] == [204] * 3
    answer = check(ask, credential)
    assert answer.fields["ratelimit"] == '"soft";r=0'
    assert "x-ratelimit-remaining" not in answer.fields


@pytest.mark.parametrize("query", ["cost.tokns=1", "cost.tokens=1&cost.tokns=2", "cost.=1", "cost.a.b=0"])
def test_unknown_unit_is_rejected(ask: Ask, service: ConfigService, policies: PolicyService, query: str) -> None:
    credential = issue(service, policies, TOKENS)
    assert check(ask, credential).status == 204
    answer = check(ask, credential, query)
    (error,) = answer.problem["errors"]
    unit = query.rpartition("cost.")[2].partition("=")[0]
    assert (answer.status, error["pointer"], error["code"]) == (422, f"/cost.{unit}", "unknown-unit")
    assert check(ask, credential).fields["x-ratelimit-remaining"] == "3", "nothing was taken"


def test_unknown_unit_causes_no_query(service: ConfigService) -> None:
    credential = service.issue({"label": "x"}).credential.reveal()
    assert check(by_django, credential, "cost.tokens=1").status == 422
    with CaptureQueriesContext(connection) as queries:
        assert check(by_django, credential, "cost.tokens=1").status == 422
    assert not queries.captured_queries


def test_unit_is_not_checked_for_a_wrong_credential(ask: Ask) -> None:
    assert check(ask, "nonsense", "cost.x=1").status == 401


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("cost.tokens=-1", "out-of-range"),
        ("cost.tokens=1000000000000001", "out-of-range"),
        ("cost.tokens=", "empty-parameter"),
        ("cost.tokens=1&cost.tokens=1", "repeated-parameter"),
        ("cost.requests=0", "out-of-range"),
        ("cost=1&cost.requests=2", "named-twice"),
    ],
)
def test_invalid_cost(ask: Ask, service: ConfigService, policies: PolicyService, query: str, code: str) -> None:
    credential = issue(service, policies, TOKENS)
    answer = check(ask, credential, query)
    (error,) = answer.problem["errors"]
    assert (answer.status, error["pointer"].startswith("/cost."), error["code"]) == (422, True, code)


def test_cost_in_requests_is_that_of_the_key(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, MONTHLY)
    answer = check(ask, credential, "cost.requests=3")
    assert answer.fields["ratelimit"] == '"key";r=2;t=720, "monthly";r=97'


def test_cost_above_a_limit_can_never_pass(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, TOKENS)
    answer = check(ask, credential, "cost.tokens=1001")
    assert (answer.status, answer.slug) == (403, "limit-too-small")
    assert "limit tpm" in answer.problem["detail"]
    assert check(ask, credential).fields["x-ratelimit-remaining"] == "4", "nothing was taken"


@pytest.mark.parametrize("endpoint", [by_django, natively, by_fast_path], ids=["django", "native", "fast path"])
def test_verify_shows_limits(endpoint: Ask, service: ConfigService, policies: PolicyService, root: IssuedKey) -> None:
    credential, caller = issue(service, policies, MONTHLY, TOKENS), root.credential.reveal()
    found = json.loads(verify(endpoint, caller, credential, costs={"tokens": 400}).body)
    assert found["rate_limit"]["remaining"] == 4
    assert found["limits"] == [
        {
            "name": "monthly", "unit": "requests", "mode": "enforce", "limit": 100, "per_seconds": None,
            "remaining": 99, "next_token_seconds": None, "reset_seconds": None,
        },
        {
            "name": "tpm", "unit": "tokens", "mode": "enforce", "limit": 1000, "per_seconds": 3600,
            "remaining": 600, "next_token_seconds": 4, "reset_seconds": 1440,
        },
    ]  # fmt: skip
    assert found["violated_policies"] == []
    refused = json.loads(verify(endpoint, caller, credential, costs={"tokens": 700}).body)
    assert (refused["code"], refused["violated_policies"], refused["retry_after"]) == ("RATE_LIMITED", ["tpm"], 360)
    unclaimed = json.loads(verify(endpoint, caller, credential).body)["limits"][1]
    assert (unclaimed["limit"], unclaimed["remaining"], unclaimed["reset_seconds"]) == (1000, None, None)


@pytest.mark.parametrize("endpoint", [by_django, natively, by_fast_path], ids=["django", "native", "fast path"])
@pytest.mark.parametrize(
    ("sent", "pointer", "code"),
    [
        ({"costs": {"x": 1}}, "/costs/x", "unknown-unit"),
        ({"costs": {"tokens": 1.5}}, "/costs/tokens", "not-an-integer"),
        ({"costs": {"tokens": 10**15 + 1}}, "/costs/tokens", "out-of-range"),
        ({"costs": [1]}, "/costs", "not-an-object"),
        ({"cost": 1, "costs": {"requests": 1}}, "/costs/requests", "named-twice"),
        ({"costs": {"tokens": 1001}}, "/costs/tokens", "above-limit"),
        ({"cost": 6}, "/cost", "above-burst"),
        ({"cost": 4}, "/cost", "above-limit"),
    ],
)
def test_verify_rejects_costs(
    endpoint: Ask,
    service: ConfigService,
    policies: PolicyService,
    root: IssuedKey,
    sent: dict[str, Any],
    pointer: str,
    code: str,
) -> None:
    credential = issue(service, policies, SECOND, TOKENS)
    answer = verify(endpoint, root.credential.reveal(), credential, **sent)
    (error,) = answer.problem["errors"]
    assert (answer.status, error["pointer"], error["code"]) == (422, pointer, code)


def test_key_without_plan_is_answered_as_before(
    ask: Ask, service: ConfigService, policies: PolicyService, key: IssuedKey, root: IssuedKey
) -> None:
    credential = key.credential.reveal()
    before = check(ask, credential)
    default_limiter().store.reset(key.key.key_id.encode())
    issue(service, policies, MONTHLY, TOKENS)
    after = check(ask, credential)
    varying = ("x-request-id", "date")
    assert {n: v for n, v in after.fields.items() if n not in varying} == {
        n: v for n, v in before.fields.items() if n not in varying
    }
    found = json.loads(verify(natively, root.credential.reveal(), credential).body)
    assert "limits" not in found
    assert "violated_policies" not in found


def test_change_of_a_plan_applies_to_the_next_request(
    ask: Ask, service: ConfigService, policies: PolicyService
) -> None:
    credential = issue(service, policies, SECOND)
    assert check(ask, credential).status == 204
    policies.change_plan("gold", {"limits": [{**SECOND, "rate": {"burst": 1, "per_seconds": 3600}}]})
    assert check(ask, credential).problem["violated-policies"] == ["second"]
    policies.change_plan("gold", {"limits": [TOKENS]})
    answer = check(ask, credential, "cost.tokens=1")
    assert (answer.status, answer.fields["ratelimit"]) == (204, '"key";r=3;t=720, "tpm";r=999;t=4')


def test_keys_of_an_owner_share_a_limit(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    first, second = (
        service.issue({"label": label, "owner": "ACME"}).credential.reveal() for label in ("first", "second")
    )
    assert check(ask, first).status == check(ask, second).status == 204
    policies.create_plan({"name": "company", "limits": [{**SECOND, "shared": "owner"}]})
    policies.create_owner({"name": "ACME", "plan": "company"})
    assert [check(ask, one).status for one in (first, second, first)] == [204] * 3
    for one in (first, second):
        assert check(ask, one).problem["violated-policies"] == ["second"]


def test_lost_counter_goes_on_from_the_database(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, MONTHLY)
    assert check(ask, credential, "cost=2").status == 204
    use = QuotaUse.objects.filter(counter__endswith=":monthly")
    if not use.exists():
        from apikeys.policies.policies import default_policies

        default_policies().writer.write(everything=True)
    row = use.get()
    assert row.used == 2
    use.update(used=60)
    counter = row.counter.encode()
    store: Any = default_limiter().store
    store.forget(counter)
    assert check(ask, credential).fields["ratelimit"] == '"key";r=2;t=720, "monthly";r=39'


def test_request_that_several_limits_refuse_is_one_throttled_request(
    ask: Ask, service: ConfigService, policies: PolicyService
) -> None:
    names: tuple[tuple[str, dict[str, str]], ...] = (
        ("api_rate_limit_throttled_total", {}),
        ("api_plan_limit_refusals_total", {"kind": "rate"}),
        ("api_plan_limit_refusals_total", {"kind": "quota"}),
    )

    def counts() -> list[float]:
        flush()
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in names]

    trial = {"name": "trial", "quota": {"quota": 1, "per": "once"}}
    one = {"burst": 1, "per_seconds": 3600}
    credential = issue(service, policies, trial, {"name": "one", "rate": one}, rate_limit=one)
    assert check(ask, credential).status == 204
    before = counts()
    refused = check(ask, credential)
    assert refused.problem["violated-policies"] == ["key", "trial", "one"]
    assert [after - count for after, count in zip(counts(), before, strict=True)] == [1, 1, 1]


def test_key_with_slots_only_has_no_empty_field(ask: Ask, service: ConfigService, policies: PolicyService) -> None:
    credential = issue(service, policies, {"name": "streams", "concurrency": 1}, rate_limit=None)
    for _ in range(2):
        answer = check(ask, credential)
        assert answer.status == 204
        assert not [name for name in answer.fields if "ratelimit" in name]
