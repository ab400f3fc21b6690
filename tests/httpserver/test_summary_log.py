"""Warnings that are counted."""

from httpserver.summary_log import EVERY_SECONDS, SummaryLog


def test_the_first_is_logged_and_others_are_counted() -> None:
    now, logged = 100.0, list[int]()
    summary = SummaryLog(logged.append, lambda: now)
    summary.add(1)
    now += EVERY_SECONDS - 1
    summary.add(2)
    summary.add(3)
    assert logged == [1]
    now += 1
    summary.add(4)
    assert logged == [1, 9]
