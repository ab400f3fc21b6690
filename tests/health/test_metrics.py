"""Metrics that are not counted by the process."""

import pytest

from health.metrics import StartTimeCollector


def test_start_time_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATCHKEY_STARTED_AT", "1795867745.5")
    (family,) = StartTimeCollector().collect()
    (sample,) = family.samples
    assert (sample.name, sample.value) == ("process_start_time_seconds", 1795867745.5)


def test_no_start_time_without_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LATCHKEY_STARTED_AT", raising=False)
    assert list(StartTimeCollector().collect()) == []
