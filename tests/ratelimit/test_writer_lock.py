"""The embedded store's writer lock, while others hold it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from typing import Any, cast

import lmdb

from ratelimit.bucket import take
from ratelimit.limit import Limit
from ratelimit.stores import LmdbStore
from tests.conftest import Clock

LIMIT = Limit(3, 1)


class ObservedEnvironment:
    """An environment that counts who is about to wait for its writer lock."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self.environment = environment
        self.waiting = Semaphore(0)

    def begin(self, *arguments: Any, **named: Any) -> lmdb.Transaction:
        self.waiting.release()
        return self.environment.begin(*arguments, **named)


def test_wait_for_the_writer_lock_denies_nothing(tmp_path: Path, clock: Clock) -> None:
    """While a request waited for the lock, others used the bucket, later than when the wait began."""
    store = LmdbStore(tmp_path / "b", clock)
    assert store.take(b"k", LIMIT)[0]
    environment = store._environment
    assert environment is not None
    observed = ObservedEnvironment(environment)
    store._environment = cast(lmdb.Environment, observed)
    with ThreadPoolExecutor(2) as threads:
        with environment.begin(write=True) as transaction:
            single = threads.submit(store.take, b"k", LIMIT)
            many = threads.submit(store.take_many, [(b"k", LIMIT, 1, 0, 0, ())])
            for _ in range(2):
                assert observed.waiting.acquire(timeout=10)
            clock.move(5)
            take(transaction, b"k", LIMIT, 1, 0, 0, clock())
        assert single.result()[0]
        (outcome,) = many.result()
        assert isinstance(outcome, tuple)
        assert outcome[0]
    store._environment = environment
    store.close()
