"""A count that is wrong by one fails the bench."""

from collections import Counter
from types import SimpleNamespace

import pytest

from benchmarks import __main__, results
from benchmarks.gateway.exact import BURST, REQUESTS, of_count, of_limit
from benchmarks.load import Tally

EXACT = Tally(Counter({204: BURST, 429: REQUESTS - BURST}), 0.2)


def test_exact_salvos_hold() -> None:
    assert of_limit([EXACT, EXACT]).holds


@pytest.mark.parametrize(
    "statuses",
    [
        {204: BURST + 1, 429: REQUESTS - BURST - 1},
        {204: BURST - 1, 429: REQUESTS - BURST + 1},
        {204: BURST, 429: REQUESTS - BURST - 1},
        {204: BURST, 429: REQUESTS - BURST - 1, 503: 1},
        {204: BURST, 429: REQUESTS - BURST, 200: 1},
    ],
    ids=["one too many", "one too few", "an answer lost", "a failure", "an answer beyond"],
)
def test_one_salvo_that_is_off_by_one_fails(statuses: dict[int, int]) -> None:
    assert not of_limit([EXACT, Tally(Counter(statuses), 0.2), EXACT]).holds


@pytest.mark.parametrize(
    ("passed", "allowed", "holds"), [(2000, 2000, True), (2000, 2001, False), (2000, 1999, False), (1999, 1999, False)]
)
def test_counts_of_client_and_server_agree(passed: int, allowed: int, holds: bool) -> None:
    tally = Tally(Counter({204: passed, 429: 2000 - passed}), 0.2)
    assert of_count(tally, allowed, 2000).holds is holds


@pytest.mark.parametrize(("refused", "status"), [(900, 0), (899, 1)])
def test_a_wrong_count_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, refused: int, status: int) -> None:
    tally = Tally(Counter({204: BURST, 429: refused}), 0.2)
    planted = SimpleNamespace(sections=lambda quick: [of_limit([tally])])
    monkeypatch.setitem(__main__.SUBJECTS, "gateway", planted)
    monkeypatch.setattr(results, "write", lambda report: None)
    assert __main__._measure(["gateway"], quick=True) == status
