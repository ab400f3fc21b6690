"""What an address may try: over AUTH_FAILURE_LIMIT it costs the database next to nothing, and still gets a right key in."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys import address_limit
from apikeys.address_limit import LOOK_UP_BURST, LOOK_UP_SECONDS, AddressLimit
from apikeys.cache.key_cache import TTL_SECONDS
from apikeys.config_service import ConfigService, IssuedKey
from apikeys.errors import InvalidCredential, QuotaExceeded
from latchkey.credentials import Credential, generate_key_id, generate_secret
from latchkey.problems import ProblemError
from ratelimit.address_attempts import AttemptKind
from ratelimit.costs import ONE
from ratelimit.limit import Limit
from ratelimit.limiter import default_limiter
from ratelimit.stores import MemoryStore
from tests.apikeys.process import ADDRESS, FAILURE_LIMIT, Process

pytestmark = pytest.mark.django_db(transaction=True)
ELSEWHERE = "203.0.113.8"
QUERIES = 1 if connection.vendor == "postgresql" else 2
"""Of one look-up: PostgreSQL gets the statement for the key and that for its secrets at the same time."""


@pytest.fixture
def here() -> Process:
    return Process(default_limiter())


def attempts(process: Process, times: int, address: str = ADDRESS) -> tuple[list[type[ProblemError]], int]:
    """Tries unknown credentials: how each is refused, and how many queries all of them take."""
    refusals: list[type[ProblemError]] = []
    with CaptureQueriesContext(connection) as queries:
        for _ in range(times):
            with pytest.raises(ProblemError) as caught:
                process.authenticator.authenticate_and_charge(
                    Credential(generate_key_id(), generate_secret()), address, ONE
                )
            refusals.append(caught.type)
    return refusals, len(queries)


def use_up(process: Process) -> None:
    """Brings the address over its limit, and uses up the look-ups that it has left."""
    attempts(process, FAILURE_LIMIT.burst + 1 + LOOK_UP_BURST)


def test_attempts_over_limit_do_not_query(here: Process) -> None:
    refusals, queries = attempts(here, 300)
    assert refusals == [InvalidCredential] * FAILURE_LIMIT.burst + [QuotaExceeded] * (300 - FAILURE_LIMIT.burst)
    assert queries == QUERIES * (FAILURE_LIMIT.burst + 1 + LOOK_UP_BURST)


def test_address_over_limit_gets_occasional_lookup(here: Process) -> None:
    use_up(here)
    here.monotonic += LOOK_UP_SECONDS - 0.001
    assert attempts(here, 5)[1] == 0
    here.monotonic += 0.001
    assert attempts(here, 5)[1] == QUERIES
    here.monotonic += 1000 * LOOK_UP_SECONDS
    assert attempts(here, 5)[1] == QUERIES * LOOK_UP_BURST


def test_uncached_valid_key_is_allowed_from_address_over_limit(here: Process, root: IssuedKey) -> None:
    use_up(here)
    with pytest.raises(QuotaExceeded):
        here.passes(root.credential)
    here.monotonic += LOOK_UP_SECONDS
    assert here.passes(root.credential)
    assert all(here.passes(root.credential) for _ in range(20)), "it is cached now"


def test_key_with_old_record_needs_no_lookup(here: Process, root: IssuedKey) -> None:
    """A key that is used now and then passes, although those who attack from its address win every look-up."""
    assert here.passes(root.credential)
    here.monotonic += 10 * TTL_SECONDS
    use_up(here)
    assert here.passes(root.credential)


def test_formerly_valid_secret_is_looked_up_once(here: Process, service: ConfigService, root: IssuedKey) -> None:
    assert here.passes(root.credential)
    service.rotate(root.key.key_id, {"grace_seconds": 0})
    here.monotonic += TTL_SECONDS
    use_up(here)
    counted = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries, pytest.raises((InvalidCredential, QuotaExceeded)):
            here.passes(root.credential)
        counted.append(len(queries))
    assert counted[0] > 0
    assert counted[1:] == [0, 0]


def test_denial_over_limit_is_counted_by_store(here: Process, store: MemoryStore) -> None:
    """By that the steward sees that the address goes on."""
    attempts(here, 300)
    (refused,) = default_limiter().throttled_addresses(0)
    assert (refused[0], refused[1].throttled) == (ADDRESS, 300 - FAILURE_LIMIT.burst)


def test_refilled_token_pays_for_one_attempt(
    here: Process, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_up(here)
    now_ns = store.now_ns()
    monkeypatch.setattr(store, "now_ns", lambda: now_ns + 20_500_000_000)
    refusals, queries = attempts(here, 3)
    assert refusals == [InvalidCredential, QuotaExceeded, QuotaExceeded]
    assert queries == 2 * QUERIES, "of the attempt that the token pays, and of the one that shows that none is left"


def test_other_addresses_are_unaffected(here: Process) -> None:
    use_up(here)
    assert attempts(here, 3, ELSEWHERE) == ([InvalidCredential] * 3, 3 * QUERIES)


def test_number_of_stored_addresses_is_limited(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_limit, "CAPACITY", 2)
    limit = AddressLimit(default_limiter(), Limit(1, 3600), AttemptKind.CREDENTIAL)
    for host in range(5):
        for _ in range(2):
            limit.charge(f"192.0.2.{host}")
    assert list(limit._addresses) == ["192.0.2.3", "192.0.2.4"]


def test_sign_ins_and_credentials_have_separate_buckets(service: ConfigService) -> None:
    limiter, limit = default_limiter(), Limit(1, 3600)
    credentials, sign_ins = (AddressLimit(limiter, limit, attempt) for attempt in AttemptKind)
    for kind in (credentials, sign_ins):
        assert kind.charge(ADDRESS) is None
        assert kind.charge(ADDRESS) is not None
    assert [address for address, _ in limiter.throttled_addresses(0)] == [ADDRESS, ADDRESS]
