"""The countdown: gaps grow with the requests, and no request is lost between two of them."""

from apikeys.callers.countdown import Countdown


def test_gaps_grow_with_requests() -> None:
    countdown, gaps = Countdown(), list[int]()
    sampled = 0
    while sampled < 100_000:
        gaps.append(countdown.gap)
        sampled += countdown.gap
        countdown.restart(sampled)
        assert countdown.left == countdown.gap - 1
        assert 1 <= countdown.gap <= 1 + sampled // 8
    assert gaps[:16] == [1] * 16
    assert len(gaps) < 400
    assert max(gaps) > 2000


def test_missed_requests_count_with_the_next_sample() -> None:
    countdown = Countdown()
    countdown.restart(10**6)
    countdown.gap = countdown.left = 500
    countdown.left -= 1
    for _ in range(7):
        countdown.left -= 1
    assert countdown.missed == 7
    carried = countdown.carried()
    assert (carried.gap, carried.left, carried.missed) == (8, 0, 7)
    carried.left -= 1
    carried.postpone()
    assert carried.missed == 8
    for _ in range(carried.left + 1):
        carried.left -= 1
    assert (carried.left, carried.gap) == (-1, 108), "another attempt, which counts for all"
