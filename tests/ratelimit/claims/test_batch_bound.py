"""A batch with many claims is decided in several steps of the store, and each request gets its own answer."""

from collections.abc import Sequence

from ratelimit.batch_bound import MAX_BATCH_CLAIMS, bounded_batches
from ratelimit.bucket import TakeRequest
from ratelimit.claim import FOREVER_S, NO_POLICY, Claim, Term
from ratelimit.decision import Decision
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError
from ratelimit.stores.base import TakeResult
from ratelimit.stores.memory import MemoryStore

LIMIT = Limit(5, 60)


def request(key: str, claims: int) -> TakeRequest:
    terms = (Term(FOREVER_S, LIMIT),)
    counters = tuple(Claim(f"k:{key}:{number}".encode(), 1, 1, True, terms) for number in range(claims))
    return key.encode(), LIMIT, 1, 0, 0, counters


def test_bounded_batches_keep_the_order_and_the_bound() -> None:
    requests = [request(f"lk_{number:012}", number % 17) for number in range(64)]
    batches = bounded_batches(requests)
    assert [one for batch in batches for one in batch] == requests
    assert len(batches) > 2
    assert all(0 < sum(len(one[5]) for one in batch) <= MAX_BATCH_CLAIMS for batch in batches)


def test_few_claims_are_one_batch() -> None:
    requests = [request("lk_000000000000", 2)] * 64
    assert bounded_batches(requests) == [requests]


class FailingAtSecond(MemoryStore):
    """Store whose second call fails."""

    calls = 0

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> Sequence[TakeResult]:
        self.calls += 1
        if self.calls == 2:
            raise BucketStoreError("it is down")
        return super().take_many(requests, policy)


def test_only_the_requests_of_a_later_call_get_its_error() -> None:
    requests = [request(f"lk_{number:012}", 16) for number in range(20)]
    decisions = Limiter(FailingAtSecond()).take_many(requests)
    kinds = [type(one) for one in decisions]
    assert kinds == [Decision] * 8 + [BucketStoreError] * 8 + [Decision] * 4
