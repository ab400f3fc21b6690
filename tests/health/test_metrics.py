"""What a scrape gets besides what is counted."""

import pytest

from health.metrics import OfThisServer


def test_start_of_the_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATCHKEY_STARTED_AT", "1795867745.5")
    (family,) = OfThisServer().collect()
    (sample,) = family.samples
    assert (sample.name, sample.value) == ("process_start_time_seconds", 1795867745.5)


def test_process_that_serve_did_not_start_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LATCHKEY_STARTED_AT", raising=False)
    assert list(OfThisServer().collect()) == []
