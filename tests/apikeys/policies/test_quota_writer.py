"""The writer of what is used of quotas."""

import asyncio
from collections.abc import Sequence

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from apikeys.models import QuotaUse
from apikeys.policies import quota_writer
from apikeys.policies.quota_writer import QuotaWriter, write_last_quotas
from ratelimit.claim import FOREVER_S, Claim, Term
from ratelimit.claim import QuotaUse as Use
from ratelimit.limit import Limit
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError
from tests.conftest import Clock

pytestmark = pytest.mark.django_db

COUNTER = b"k:lk_000000000001:month"
RATE = Claim(b"k:lk_000000000001:rate", 1, 1, True, (Term(FOREVER_S, Limit(1_000_000, 1)),))


@pytest.fixture
def writer(limiter: Limiter, clock: Clock) -> QuotaWriter:
    return QuotaWriter(limiter, clock.seconds)


def use(limiter: Limiter, writer: QuotaWriter, cost: int, counter: bytes = COUNTER, ends_s: int = FOREVER_S) -> None:
    claim = Claim(counter, 7, cost, True, (Term(FOREVER_S, None, 1000, ends_s),))
    if limiter.quota_uses([counter]) == [None]:
        limiter.seed_quotas([Use(counter, 7, ends_s, 0)])
    decision = limiter.take("lk_000000000001", None, cost=1, epoch=1, slot=0, claims=(RATE, claim))
    assert decision.allowed
    writer.note(counter, decision.claims, decision.states)


def written() -> dict[str, int]:
    return dict(QuotaUse.objects.values_list("counter", "used"))


def test_first_use_is_written(limiter: Limiter, writer: QuotaWriter) -> None:
    use(limiter, writer, 3)
    writer.write()
    row = QuotaUse.objects.get()
    assert (row.use, row.quota) == (Use(COUNTER, 7, FOREVER_S, 3), 1000)


def test_one_percent_is_written_immediately_and_less_after_a_minute(
    limiter: Limiter, writer: QuotaWriter, clock: Clock
) -> None:
    use(limiter, writer, 1)
    writer.write()
    use(limiter, writer, 9)
    writer.write()
    assert written() == {COUNTER.decode(): 1}
    use(limiter, writer, 1)
    writer.write()
    assert written() == {COUNTER.decode(): 11}
    use(limiter, writer, 1)
    clock.move(59)
    writer.write()
    assert written() == {COUNTER.decode(): 11}
    clock.move(1)
    writer.write()
    assert written() == {COUNTER.decode(): 12}


def test_of_several_keys_that_share_a_quota_the_largest_use_counts(limiter: Limiter, writer: QuotaWriter) -> None:
    use(limiter, writer, 1)
    writer.write()
    first = Claim(COUNTER, 7, 1, True, (Term(FOREVER_S, None, 1000, FOREVER_S),))
    early = limiter.take("lk_000000000001", None, cost=1, epoch=1, slot=0, claims=(first,))
    use(limiter, writer, 20)
    writer.note("another key", early.claims, early.states)
    writer.write()
    assert written() == {COUNTER.decode(): 22}


def test_next_period_is_written_immediately(limiter: Limiter, writer: QuotaWriter, clock: Clock) -> None:
    end = int(clock.seconds()) + 10
    use(limiter, writer, 5, ends_s=end)
    writer.write()
    clock.move(10)
    use(limiter, writer, 1, ends_s=end + 10)
    writer.write()
    row = QuotaUse.objects.get()
    assert (row.ends_s, row.used) == (end + 10, 1)


def test_use_by_other_processes_is_written_too(limiter: Limiter, writer: QuotaWriter, clock: Clock) -> None:
    use(limiter, writer, 1)
    use(limiter, QuotaWriter(limiter, clock.seconds), 70)
    writer.write()
    assert written() == {COUNTER.decode(): 71}


def test_store_that_went_back_is_lifted_by_the_next_use(limiter: Limiter, writer: QuotaWriter, clock: Clock) -> None:
    """However long ago the row was written: the quota was not used since."""
    use(limiter, writer, 500)
    writer.write()
    limiter.store.forget(COUNTER)
    clock.move(86_400)
    use(limiter, writer, 1)
    writer.write()
    assert limiter.quota_uses([COUNTER]) == [Use(COUNTER, 7, FOREVER_S, 500)]
    assert written() == {COUNTER.decode(): 500}
    use(limiter, writer, 5)
    writer.write()
    assert written() == {COUNTER.decode(): 505}


def test_all_is_written_before_the_process_ends(limiter: Limiter, writer: QuotaWriter) -> None:
    use(limiter, writer, 1)
    writer.write()
    use(limiter, writer, 1)
    writer.write(everything=True)
    assert written() == {COUNTER.decode(): 2}
    asyncio.run(write_last_quotas(writer))


def test_many_are_written_in_batches(limiter: Limiter, writer: QuotaWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = list[int]()
    monkeypatch.setattr(quota_writer, "COUNTERS_PER_TRANSACTION", 2)

    def write_uses(uses: Sequence[Use], *_: object) -> None:
        batches.append(len(uses))

    monkeypatch.setattr(quota_writer, "write_uses", write_uses)
    for number in range(5):
        use(limiter, writer, 1, b"k:%d:month" % number)
    writer.write()
    assert batches == [2, 2, 1]


@pytest.mark.parametrize("error", [OperationalError("down"), BucketStoreError("down"), ValueError("a bug")])
def test_what_could_not_be_written_is_kept(
    limiter: Limiter, writer: QuotaWriter, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    use(limiter, writer, 1)
    with monkeypatch.context() as outage, capture_logs() as logs:
        outage.setattr(quota_writer, "write_uses", fail)
        writer.write()
        writer.write()
    (line,) = logs
    assert (line["event"], line["reason"]) == ("quotas_not_written", type(error).__name__)
    assert line["exc_info"] is isinstance(error, ValueError)
    writer.write()
    assert written() == {COUNTER.decode(): 1}


def test_counter_that_the_store_has_lost_is_left_out(limiter: Limiter, writer: QuotaWriter, clock: Clock) -> None:
    use(limiter, writer, 1)
    writer._limiter = Limiter(type(limiter.store)(clock))  # type: ignore[call-arg]
    writer.write()
    assert (written(), writer._waiting) == ({}, {})


def test_memory_is_bounded(limiter: Limiter, writer: QuotaWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_writer, "MAX_COUNTERS", 2)
    for number in range(5):
        use(limiter, writer, 1, b"k:%d:month" % number)
        writer.write()
        assert len(writer._written) <= 3
