"""Authenticator: cached keys, wrong secrets, and batches."""

from collections.abc import Callable
from typing import ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from apikeys.cache.key_cache import TTL_SECONDS, KeyCache
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.credential_check import Verified
from apikeys.errors import InvalidCredential, QuotaExceeded, RevokedKey
from apikeys.models import APIKey
from apikeys.peppers import configured_peppers
from latchkey.credentials import Credential, generate_key_id, generate_secret
from latchkey.peppers import Peppers, parse_peppers
from latchkey.problems import ProblemError
from ratelimit.costs import ONE
from ratelimit.limit import Limit
from ratelimit.limiter import default_limiter
from ratelimit.stores import MemoryStore
from tests.apikeys.process import ADDRESS, FAILURE_LIMIT, Process, tokens_used

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def here() -> Process:
    return Process(default_limiter())


def test_cached_key_needs_no_query(here: Process, root: IssuedKey) -> None:
    assert here.passes(root.credential)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            assert here.passes(root.credential)
    assert len(queries) == 0


def test_record_expires(here: Process, root: IssuedKey) -> None:
    here.passes(root.credential)
    here.monotonic += TTL_SECONDS
    with CaptureQueriesContext(connection) as queries:
        here.passes(root.credential)
    assert len(queries) > 0


def test_wrong_secret_is_charged_to_address_not_key(here: Process, root: IssuedKey, store: MemoryStore) -> None:
    wrong = Credential(root.key.key_id, generate_secret())
    for _ in range(3):
        with pytest.raises(InvalidCredential):
            here.passes(wrong)
    with pytest.raises(QuotaExceeded) as caught:
        here.passes(wrong)
    assert caught.value.violated_policies == ("address",)
    assert caught.value.retry_after_seconds == 20
    assert tokens_used(store, root) == 0
    assert here.passes(root.credential)


@pytest.mark.parametrize("refresh", [False, True])
def test_reauthentication_is_not_counted_or_charged(
    here: Process, service: ConfigService, root: IssuedKey, refresh: bool
) -> None:
    def counted() -> float | None:
        return REGISTRY.get_sample_value("api_auth_failures_total", {"reason": "invalid-credential"})

    assert here.authenticator.reauthenticate(root.credential, refresh=refresh).record.auth.key_id == root.key.key_id
    service.rotate(root.key.key_id, {"grace_seconds": 0})
    here.monotonic += TTL_SECONDS
    before = counted()
    for _ in range(40):
        with pytest.raises(InvalidCredential):
            here.authenticator.reauthenticate(root.credential, refresh=refresh)
    assert counted() == before
    with pytest.raises(InvalidCredential):  # and not QuotaExceeded: it is the first of its address
        here.authenticator.authenticate(root.credential, ADDRESS)


def test_unknown_key_and_wrong_secret_get_same_error(here: Process, root: IssuedKey) -> None:
    answers = []
    for credential in (
        Credential(root.key.key_id, generate_secret()),
        Credential("lk_000000000000", generate_secret()),
    ):
        with pytest.raises(ProblemError) as caught:
            here.passes(credential)
        answers.append((type(caught.value), caught.value.detail, caught.value.slug, caught.value.errors))
    assert answers[0] == answers[1]


def test_wrong_secret_hides_key_state(here: Process, service: ConfigService, root: IssuedKey) -> None:
    service.revoke(root.key.key_id)
    with pytest.raises(InvalidCredential):
        here.passes(Credential(root.key.key_id, generate_secret()))


class CountingPeppers(Peppers):
    """Peppers that count the digests they make."""

    made: ClassVar[int] = 0

    def digest(self, text: str, pepper_id: str) -> bytes:
        CountingPeppers.made += 1
        return super().digest(text, pepper_id)


def work_of_a_wrong_secret(process: Process, key_id: str) -> tuple[list[str], int]:
    """Return the queries, without their values, and the number of digests that a wrong secret causes."""
    credential = Credential(key_id, generate_secret())
    before = CountingPeppers.made
    with CaptureQueriesContext(connection) as queries, pytest.raises(InvalidCredential):
        assert process.authenticator.authenticate_from_cache(credential) is None
        assert process.authenticator.is_cold(credential)
        process.authenticator.authenticate_and_charge(credential, ADDRESS, ONE)
    return [query["sql"].split(" WHERE ")[0] for query in queries], CountingPeppers.made - before


KEYS: dict[str, Callable[[ConfigService, str], object]] = {
    "active": lambda service, key_id: None,
    "rotating": lambda service, key_id: service.rotate(key_id),
    "disabled": lambda service, key_id: service.update(key_id, {"enabled": False}),
    "revoked": lambda service, key_id: service.revoke(key_id),
    "expired": lambda service, key_id: APIKey.objects.filter(key_id=key_id).update(expires_at=timezone.now()),
}


@pytest.mark.parametrize("age", [None, 0.0, TTL_SECONDS], ids=["not in memory", "in memory", "too old"])
@pytest.mark.parametrize("state", KEYS)
def test_wrong_secret_costs_same_work_as_unknown_key(
    root: IssuedKey, service: ConfigService, state: str, age: float | None
) -> None:
    peppers = configured_peppers()
    process = Process(default_limiter(), CountingPeppers(peppers.current, peppers.by_id), Limit(1000, 60))
    KEYS[state](service, root.key.key_id)
    if age is not None:
        process.cache.load(root.key.key_id)
        process.monotonic += age
    unknown = work_of_a_wrong_secret(process, "lk_000000000000")
    assert len(unknown[0]) == (2 if connection.vendor == "sqlite" else 1), "PostgreSQL takes both together"
    for _ in range(2):
        assert work_of_a_wrong_secret(process, root.key.key_id) == unknown


def test_wrong_secret_keeps_cached_record(here: Process, root: IssuedKey) -> None:
    assert here.passes(root.credential)
    with pytest.raises(InvalidCredential):
        here.passes(Credential(root.key.key_id, generate_secret()))
    with CaptureQueriesContext(connection) as queries:
        assert here.passes(root.credential)
    assert len(queries) == 0


def test_cached_denial_needs_no_query(here: Process, service: ConfigService, root: IssuedKey) -> None:
    service.revoke(root.key.key_id)
    with pytest.raises(RevokedKey):
        here.passes(root.credential)
    with CaptureQueriesContext(connection) as queries, pytest.raises(RevokedKey):
        here.passes(root.credential)
    assert len(queries) == 0


def test_older_pepper_works_while_configured(service: ConfigService, root: IssuedKey) -> None:
    both = parse_peppers("t3:" + "33" * 32 + ",t2:" + "22" * 32)
    assert Process(default_limiter(), both).passes(root.credential)
    with pytest.raises(InvalidCredential):
        Process(default_limiter(), parse_peppers("t3:" + "33" * 32)).passes(root.credential)


def test_cache_is_bounded(root: IssuedKey, service: ConfigService) -> None:
    cache = KeyCache(capacity=2)
    keys = [service.issue({"label": "x"}).key.key_id for _ in range(3)]
    for key_id in keys:
        cache.load(key_id)
    with CaptureQueriesContext(connection) as queries:
        assert cache.cached(keys[1])
        assert cache.cached(keys[2])
    assert len(queries) == 0
    assert cache.cached(keys[0]) is None


def test_bucket_store_gets_no_secret(here: Process, root: IssuedKey, store: MemoryStore) -> None:
    """Only IDs of keys, addresses, and the numbers of a record."""
    here.passes(root.credential)
    wrong = Credential(root.key.key_id, generate_secret())
    with pytest.raises(InvalidCredential):
        here.passes(wrong)
    assert {name for name, _ in store.scan_records()} == {root.key.key_id.encode(), f"ip:{ADDRESS}".encode()}


def test_batch_is_authenticated_with_two_queries(here: Process, service: ConfigService, root: IssuedKey) -> None:
    cold = [service.issue({"label": f"cold {number}"}).credential for number in range(3)]
    unknown = [Credential(generate_key_id(), generate_secret()) for _ in range(3)]
    swapped = [Credential(cold[0].key_id, cold[1].secret), Credential(cold[1].key_id, unknown[0].secret)]
    with CaptureQueriesContext(connection) as nothing_found:
        refused = here.authenticator.authenticate_batch([(one, ADDRESS) for one in [*unknown[:2], swapped[1]]])
    assert [type(one) for one in refused] == [InvalidCredential] * 3
    assert len(nothing_found) == (2 if connection.vendor == "sqlite" else 1)
    here.cache.clear()
    asked = [*unknown, *swapped, *cold, root.credential]
    with CaptureQueriesContext(connection) as queries:
        found = here.authenticator.authenticate_batch([(one, f"192.0.2.{place}") for place, one in enumerate(asked)])
    assert [type(one) for one in found[:5]] == [InvalidCredential] * 5
    assert [one.credential for one in found[5:] if isinstance(one, Verified)] == [*cold, root.credential]
    assert len(queries) == len(nothing_found)


def test_batch_is_charged_per_address(here: Process) -> None:
    tries = [(Credential(generate_key_id(), generate_secret()), ADDRESS) for _ in range(FAILURE_LIMIT.burst + 2)]
    found = here.authenticator.authenticate_batch([*tries, (tries[0][0], "192.0.2.1")])
    assert [type(one) for one in found] == [
        *[InvalidCredential] * FAILURE_LIMIT.burst, QuotaExceeded, QuotaExceeded, InvalidCredential
    ]  # fmt: skip
