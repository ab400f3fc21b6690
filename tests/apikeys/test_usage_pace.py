"""How large batches of usage are, and how often passes begin."""

import pytest

from apikeys.config_service import ConfigService
from apikeys.usage.batch_size import FIRST, LEAST, MOST, MOST_SECONDS, BatchSize
from apikeys.usage.rollup import UsageRollup
from ratelimit.stores import MemoryStore
from tests.conftest import Clock


def test_batch_size_follows_cost() -> None:
    size = BatchSize()
    assert size.keys == FIRST
    for _ in range(20):
        size.record(size.keys, size.keys * 10e-6)
    assert size.keys * 10e-6 == pytest.approx(MOST_SECONDS / 2)
    size.record(1000, 0.5)
    assert size.keys == LEAST
    size.record(LEAST, 0)
    assert size.keys == 2 * LEAST, "it grows slowly"
    for _ in range(20):
        size.record(size.keys, 0)
    assert size.keys == MOST


@pytest.mark.django_db
def test_pass_takes_quarter_of_time(service: ConfigService, clock: Clock) -> None:
    store, name = MemoryStore(clock), service.issue({"label": "x"}).key.key_id.encode()
    seconds = [0.0]
    rollup = UsageRollup(store, elapsed=lambda: seconds[0])

    def slowly() -> bool:
        seconds[0] += 10
        return True

    store.take(name, None)
    assert rollup.write_if_due(slowly) == 1
    for passed, written in ((29, 0), (0.5, 0), (0.5, 1), (29, 0), (1, 1)):
        seconds[0] += passed
        store.take(name, None)
        assert rollup.write_if_due(slowly) == written, seconds
