from collections.abc import Iterator
from threading import Event

from ratelimit.stores.base import BucketStoreUnavailable
from ratelimit.stores.breaker import FLAPPING_SECONDS, PROBE_SECONDS, Breaker

AWAY = BucketStoreUnavailable("away")


class FlakyStore:
    """A store that is away for so many probes, and a breaker whose pauses are noted and last no time."""

    def __init__(self, away_for: int) -> None:
        self.answers: Iterator[bool] = iter([False] * away_for + [True] * 100)
        self.probes = 0
        self.pauses: list[float] = []
        self.may_probe = Event()
        self.now = 0.0
        self.breaker = Breaker("redis://test", self.probe, self.pause, lambda: self.now)

    def probe(self) -> None:
        self.may_probe.wait()
        self.probes += 1
        if not next(self.answers):
            raise AWAY

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def wait_for_close(self) -> None:
        self.may_probe.set()
        while not self.breaker.closed:
            self.may_probe.wait(0.001)


def test_failure_opens_and_successful_probe_closes() -> None:
    store = FlakyStore(3)
    store.breaker.open(AWAY)
    assert not store.breaker.closed
    store.wait_for_close()
    assert (store.probes, store.pauses) == (4, [PROBE_SECONDS] * 3)


def test_a_hiccup_is_over_with_the_first_probe() -> None:
    store = FlakyStore(0)
    store.breaker.open(AWAY)
    store.wait_for_close()
    assert (store.probes, store.pauses) == (1, [])


def test_flapping_store_is_probed_less_often() -> None:
    store = FlakyStore(0)
    for _ in range(7):
        store.breaker.open(AWAY)
        store.wait_for_close()
    assert store.pauses == [0.25, 0.5, 1, 2, 4, 4]
    store.now = FLAPPING_SECONDS
    store.breaker.open(AWAY)
    store.wait_for_close()
    assert len(store.pauses) == 6


def test_unexpected_probe_error_is_retried() -> None:
    store = FlakyStore(0)
    fails = iter([True, False])

    def probe() -> None:
        if next(fails):
            raise RuntimeError("nobody foresaw that")

    store.breaker = Breaker("redis://test", probe, store.pause)
    store.breaker.open(AWAY)
    store.wait_for_close()
    assert store.pauses == [PROBE_SECONDS]


def test_one_thread_probes_after_many_failures() -> None:
    store = FlakyStore(2)
    for _ in range(50):
        store.breaker.open(AWAY)
    store.wait_for_close()
    assert store.probes == 3


def test_it_opens_again_with_the_next_failure() -> None:
    store = FlakyStore(0)
    for count in (1, 2):
        store.breaker.open(AWAY)
        store.wait_for_close()
        assert store.probes == count
        store.now += FLAPPING_SECONDS
