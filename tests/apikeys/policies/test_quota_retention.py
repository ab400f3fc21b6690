"""Rows of quotas that no one needs are deleted, and no others."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.config_service import ConfigService
from apikeys.models import QuotaUse
from apikeys.policies.quota_retention import BATCH, KEPT, QuotaRetention
from apikeys.policies.quota_rows import write_uses
from apikeys.policies.service import PolicyService
from ratelimit.claim import FOREVER_S
from ratelimit.claim import QuotaUse as Use
from ratelimit.limiter import Limiter
from tests.conftest import Clock

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def write(limiter: Limiter, counter: str, ends_s: int, at: datetime) -> str:
    use = Use(counter.encode(), 7, ends_s, 5)
    limiter.seed_quotas([use])
    write_uses([use], {use.counter: 10}, at)
    return counter


def counters() -> set[str]:
    return {*QuotaUse.objects.values_list("counter", flat=True)}


def test_ended_periods_are_deleted_after_90_days(limiter: Limiter, clock: Clock) -> None:
    now = datetime.fromtimestamp(clock.seconds(), UTC)
    write(limiter, "k:lk_000000000001:a", int((now - KEPT - DAY).timestamp()), now - KEPT - DAY)
    kept = {
        write(limiter, "k:lk_000000000001:b", int((now - KEPT + DAY).timestamp()), now - KEPT - DAY),
        write(limiter, "k:lk_000000000001:c", int((now - KEPT - DAY).timestamp()), now),
    }
    assert QuotaRetention(limiter).prune(now) == 1
    assert counters() == kept


def test_quotas_that_never_end_go_with_their_key_or_owner(
    limiter: Limiter, keys: ConfigService, policies_service: PolicyService, clock: Clock
) -> None:
    began = datetime.fromtimestamp(clock.seconds(), UTC)
    owner = policies_service.create_owner({"name": "ACME"})
    old, recent, active = (keys.issue({"label": "x"}).key.key_id for _ in range(3))
    keys.revoke(old)
    gone = [write(limiter, counter, FOREVER_S, began) for counter in (f"k:{old}:once", "o:17:once")]
    kept = [write(limiter, f"{one}:once", FOREVER_S, began) for one in (f"k:{recent}", f"k:{active}", f"o:{owner.pk}")]
    clock.move((KEPT + DAY).total_seconds())
    keys.revoke(recent)
    retention = QuotaRetention(limiter)
    assert retention.prune(datetime.fromtimestamp(clock.seconds(), UTC)) == 2
    assert counters() == {*kept}
    uses = limiter.quota_uses([counter.encode() for counter in (*gone, *kept)])
    assert [use is None for use in uses] == [True] * 2 + [False] * 3


def test_rows_are_looked_at_in_turn(limiter: Limiter, clock: Clock) -> None:
    now = datetime.fromtimestamp(clock.seconds(), UTC)
    for number in range(BATCH + 1):
        write(limiter, f"o:{number}:once", FOREVER_S, now - KEPT - DAY)
    retention = QuotaRetention(limiter)
    assert [retention.prune(now) for _ in range(3)] == [BATCH, 1, 0]
