"""Rows of what is used of quotas: the rule that merges two numbers."""

from datetime import UTC, datetime

import pytest

from apikeys.models import QuotaUse
from apikeys.policies.quota_rows import seeds_of, write_uses
from ratelimit.claim import Claim, Term
from ratelimit.claim import QuotaUse as Use
from ratelimit.limit import Limit

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 1, 1, tzinfo=UTC)
COUNTER = b"k:lk_000000000001:month"
KNOWN = Use(COUNTER, 7, 1000, 50, 2)


def write(*uses: Use | None, quota: int = 100) -> None:
    write_uses(uses, {use.counter: quota for use in uses if use}, NOW)


@pytest.mark.parametrize(
    ("later", "counts"),
    [
        (KNOWN._replace(used=51), True),
        (KNOWN._replace(used=49), False),
        (KNOWN, False),
        (KNOWN._replace(used=10, revision=3), True),
        (KNOWN._replace(used=90, revision=1), False),
        (KNOWN._replace(ends_s=2000, used=1, revision=0), True),
        (KNOWN._replace(ends_s=999, used=99, revision=9), False),
        (KNOWN._replace(definition=8, ends_s=500, used=1, revision=0), True),
    ],
)
def test_number_that_counts_is_kept(later: Use, counts: bool) -> None:
    write(KNOWN)
    write(later)
    assert QuotaUse.objects.get().use == (later if counts else KNOWN)


def test_what_was_reported_stays_for_the_period() -> None:
    write(KNOWN)
    QuotaUse.objects.update(told=80)
    write(KNOWN._replace(used=60), quota=120)
    write(KNOWN._replace(used=1, revision=3), quota=120)
    row = QuotaUse.objects.get()
    assert (row.told, row.quota, row.used) == (80, 120, 1)
    write(KNOWN._replace(ends_s=2000))
    assert QuotaUse.objects.get().told == 0
    QuotaUse.objects.update(told=80)
    write(KNOWN._replace(definition=8, ends_s=2000))
    assert QuotaUse.objects.get().told == 0


def test_missing_uses_are_left_out() -> None:
    write(None)
    write(None, KNOWN, None)
    row = QuotaUse.objects.get()
    assert (row.use, row.updated_at, row.told) == (KNOWN, NOW, 0)


def claim(counter: bytes, definition: int = 7) -> Claim:
    return Claim(counter, definition, 1, True, (Term(1000, None, 100, 1000),))


def test_seeds_are_the_rows_of_the_same_definition() -> None:
    write(KNOWN)
    others = claim(b"k:lk_000000000001:other"), claim(COUNTER, 8)
    rate = Claim(b"k:lk_000000000001:rate", 7, 1, True, (Term(1000, Limit(1, 1)),))
    assert seeds_of([claim(COUNTER), others[0], rate]) == [KNOWN, Use(others[0].counter, 7, 1000, 0)]
    assert seeds_of([others[1]]) == [Use(COUNTER, 8, 1000, 0)]
