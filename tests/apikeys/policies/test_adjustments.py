"""PolicyService.adjust: what is used of a limit is corrected."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.config_service import ConfigService
from apikeys.models import APIKey, QuotaUse
from apikeys.policies.errors import LimitNotFound
from apikeys.policies.lookup import limits_of_stored_key
from apikeys.policies.service import PolicyService
from events.models import Event
from ratelimit.claim import CountersMissing
from ratelimit.limiter import Limiter
from ratelimit.stores import MemoryStore
from tests.apikeys.policies.stated import faults, quota, rate
from tests.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(policies_service: PolicyService, keys: ConfigService) -> APIKey:
    policies_service.create_plan({"name": "gold", "limits": [rate("second", 100), quota("month", unit="tokens")]})
    policies_service.create_plan({"name": "company", "limits": [quota("all", shared="owner")]})
    policies_service.create_owner({"name": "ACME", "plan": "company"})
    return keys.issue({"label": "x", "owner": "ACME", "plan": "gold"}).key


def test_quota_is_set_and_added_to(policies_service: PolicyService, key: APIKey) -> None:
    done = policies_service.adjust(key.key_id, "month", {"used": 700, "reason": "move from another system"})
    assert (done.before, done.after) == (0, 700)
    done = policies_service.adjust(key.key_id, "month", {"add": -50, "reason": "goodwill"})
    assert (done.before, done.after) == (700, 650)
    row = QuotaUse.objects.get()
    assert (row.counter, row.used, row.revision, row.quota) == (f"k:{key.key_id}:month", 650, 2, 1000)
    event = Event.objects.latest("id")
    assert (event.type, event.key_id) == ("LimitAdjusted", key.key_id)
    assert event.data == {"limit": "month", "unit": "tokens", "before": 700, "after": 650, "reason": "goodwill"}


def test_adjustment_downward_survives_the_loss_of_the_store(
    policies_service: PolicyService, key: APIKey, clock: Clock
) -> None:
    policies_service.adjust(key.key_id, "month", {"used": 700, "reason": "x"})
    policies_service.adjust(key.key_id, "month", {"used": 10, "reason": "y"})
    other = PolicyService(policies_service._origin, limiter=Limiter(MemoryStore(clock)), now=policies_service._now)
    done = other.adjust(key.key_id, "month", {"add": 5, "reason": "z"})
    assert (done.before, done.after) == (10, 15)
    assert QuotaUse.objects.get().revision == 3


@pytest.mark.parametrize("name", ["month", "all"])
def test_limit_is_read_under_the_lock_of_the_policies(policies_service: PolicyService, key: APIKey, name: str) -> None:
    # A plan that is changed in between would make the counter start again with what it counted before.
    with CaptureQueriesContext(connection) as queries:
        policies_service.adjust(key.key_id if name == "month" else "acme", name, {"add": 5, "reason": "x"})
    read = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("SELECT")]
    tables = [re.findall(r'FROM "apikeys_(\w+)"', sql) for sql in read]
    assert tables[0] == ["policynumber"]
    assert ["plan"] in tables[1:]


def test_quota_of_an_owner(policies_service: PolicyService, key: APIKey) -> None:
    policies_service.adjust("acme", "all", {"add": 5, "reason": "x"})
    event = Event.objects.latest("id")
    assert (event.key_id, event.data["owner"], event.data["after"]) == ("", "ACME", 5)
    assert QuotaUse.objects.get().counter.startswith("o:")


def test_rate_is_adjusted_in_tokens_and_has_no_row(
    policies_service: PolicyService, key: APIKey, limiter: Limiter
) -> None:
    done = policies_service.adjust(key.key_id, "second", {"used": 40, "reason": "x"})
    assert (done.before, done.after, done.ends_s) == (0, 40, 0)
    assert policies_service.adjust(key.key_id, "second", {"add": 1000, "reason": "x"}).after == 100
    assert not QuotaUse.objects.exists()


@pytest.mark.parametrize("name", ["key", "none", "all"])
def test_limit_that_the_key_itself_does_not_have(policies_service: PolicyService, key: APIKey, name: str) -> None:
    with pytest.raises(LimitNotFound):
        policies_service.adjust(key.key_id, name, {"used": 0, "reason": "x"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("/reason", "missing"), ("", "not-exactly-one")]),
        ({"used": 1, "add": 1, "reason": "x"}, [("", "not-exactly-one")]),
        ({"used": -1, "reason": "x"}, [("/used", "out-of-range")]),
        ({"used": 1.5, "reason": " "}, [("/used", "not-an-integer"), ("/reason", "empty")]),
        ({"add": 10**16, "reason": "x"}, [("/add", "out-of-range")]),
    ],
)
def test_invalid_adjustment(policies_service: PolicyService, key: APIKey, values: Any, expected: Any) -> None:
    assert faults(policies_service.adjust, key.key_id, "month", values) == expected


def test_rejected_adjustment_leaves_the_store_alone(
    policies_service: PolicyService, key: APIKey, limiter: Limiter, clock: Clock
) -> None:
    faults(policies_service.adjust, key.key_id, "month", {"used": 5})
    _, month, _ = limits_of_stored_key(key, policies_service._now())
    (found,) = limiter.peek_claims([month.claim(0, int(clock.seconds()))])
    assert isinstance(found, CountersMissing)
