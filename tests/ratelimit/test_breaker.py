from collections.abc import Iterator
from threading import Event

from ratelimit.stores.base import BucketStoreAway
from ratelimit.stores.breaker import PROBE_SECONDS, RESTLESS_SECONDS, Breaker

AWAY = BucketStoreAway("away")


class Line:
    """A store that is away for so many probes, and a breaker whose pauses are noted and last no time."""

    def __init__(self, away_for: int) -> None:
        self.answers: Iterator[bool] = iter([False] * away_for + [True] * 100)
        self.probes = 0
        self.pauses: list[float] = []
        self.go_on = Event()
        self.now = 0.0
        self.breaker = Breaker("redis://test", self.probe, self.pause, lambda: self.now)

    def probe(self) -> None:
        self.go_on.wait()
        self.probes += 1
        if not next(self.answers):
            raise AWAY

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def wait_for_close(self) -> None:
        self.go_on.set()
        while not self.breaker.closed:
            self.go_on.wait(0.001)


def test_a_failure_opens_it_and_a_probe_that_succeeds_closes_it() -> None:
    line = Line(3)
    line.breaker.open(AWAY)
    assert not line.breaker.closed
    line.wait_for_close()
    assert (line.probes, line.pauses) == (4, [PROBE_SECONDS] * 3)


def test_a_hiccup_is_over_with_the_first_probe() -> None:
    line = Line(0)
    line.breaker.open(AWAY)
    line.wait_for_close()
    assert (line.probes, line.pauses) == (1, [])


def test_a_store_that_answers_probes_alone_is_left_alone_for_longer_and_longer() -> None:
    line = Line(0)
    for _ in range(7):
        line.breaker.open(AWAY)
        line.wait_for_close()
    assert line.pauses == [0.25, 0.5, 1, 2, 4, 4]
    line.now = RESTLESS_SECONDS
    line.breaker.open(AWAY)
    line.wait_for_close()
    assert len(line.pauses) == 6


def test_a_probe_that_fails_as_nobody_foresaw_is_made_again() -> None:
    line = Line(0)
    fails = iter([True, False])

    def probe() -> None:
        if next(fails):
            raise RuntimeError("nobody foresaw that")

    line.breaker = Breaker("redis://test", probe, line.pause)
    line.breaker.open(AWAY)
    line.wait_for_close()
    assert line.pauses == [PROBE_SECONDS]


def test_however_many_fail_one_thread_probes() -> None:
    line = Line(2)
    for _ in range(50):
        line.breaker.open(AWAY)
    line.wait_for_close()
    assert line.probes == 3


def test_it_opens_again_with_the_next_failure() -> None:
    line = Line(0)
    for count in (1, 2):
        line.breaker.open(AWAY)
        line.wait_for_close()
        assert line.probes == count
        line.now += RESTLESS_SECONDS
