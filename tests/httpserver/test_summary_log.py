"""Summarized warnings."""

from httpserver.summary_log import INTERVAL_SECONDS, SummaryLog


def test_later_events_are_summarized() -> None:
    now, logged = 100.0, list[int]()
    summary = SummaryLog(logged.append, lambda: now)
    summary.add(1)
    now += INTERVAL_SECONDS - 1
    summary.add(2)
    summary.add(3)
    assert logged == [1]
    now += 1
    summary.add(4)
    assert logged == [1, 9]
