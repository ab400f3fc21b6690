"""When connections count as shared out."""

from collections.abc import Callable
from unittest import mock

import pytest

from benchmarks.gateway import evenly
from benchmarks.gateway.wrk import Run


@pytest.mark.parametrize(
    ("connections", "even"), [([32, 32], True), ([48, 16], True), ([49, 15], False), ([64, 0], False), ([64], True)]
)
def test_is_even(connections: list[int], even: bool) -> None:
    assert evenly.is_even(connections) is even


def test_an_uneven_run_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each is counted, as the server counts it."""
    looks = iter([[5, 5], [69, 5], [5, 5], [36, 38]])
    monkeypatch.setattr(evenly, "_open_files", lambda workers: next(looks))

    def run(seconds: int, first: int, halfway: Callable[[], None]) -> Run:
        halfway()
        return Run(first, 1.0, {})

    assert len(evenly.run_evenly(mock.Mock(run=run), [1, 2], 1, first=7)) == 2
