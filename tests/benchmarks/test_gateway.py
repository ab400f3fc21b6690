"""The gateway's conditions: a wrong count or a rate below its bound fails."""

from collections import Counter

import pytest

from benchmarks.admission import beyond_limit
from benchmarks.gateway import keys, parts, wrk
from benchmarks.gateway.exact import BURST, REQUESTS, of_count, of_limit
from benchmarks.gateway.peers import AUTH_REQUEST, BARE, CHECK, LIMIT_REQ, PEER, count_conditions, of_rates
from benchmarks.gateway.wrk import CONNECTIONS, Run
from benchmarks.load import Tally
from benchmarks.measurement import ROOT, CouldNotMeasure, Series

AT_THE_BOUND = {CHECK: 8000, BARE: 10_000, LIMIT_REQ: 20_000, AUTH_REQUEST: 4800, PEER: 200}
EXACT = Tally(Counter({204: BURST, 429: REQUESTS - BURST}), 0.2)
OUTPUT = "Running 1s test\nmeasured {requests} 1600000 {denied} {failed} 2500 4000 9250\n"


def runs(**changed: int) -> dict[str, list[Run]]:
    latencies = {50: 1.0, 90: 2.0, 99: 3.0}
    return {name: [Run(count, 1.0, latencies)] * 3 for name, count in (AT_THE_BOUND | changed).items()}


@pytest.mark.parametrize(("name", "failing"), [(CHECK, 3), (AUTH_REQUEST, 1)])
def test_a_rate_below_its_bound_fails(name: str, failing: int) -> None:
    assert of_rates(runs(), []).holds
    section = of_rates(runs(**{name: AT_THE_BOUND[name] - 1}), [])
    assert [condition.holds for condition in section.conditions].count(False) == failing


@pytest.mark.parametrize(
    ("uncounted", "holds"), [(0, True), (CONNECTIONS * 3, True), (CONNECTIONS * 3 + 1, False), (-1, False)]
)
def test_the_server_may_count_only_what_wrk_left_under_way(uncounted: int, holds: bool) -> None:
    assert of_rates(runs(), count_conditions(uncounted, runs=3)).holds is holds


@pytest.mark.parametrize(
    "statuses",
    [
        {204: BURST + 1, 429: REQUESTS - BURST - 1},
        {204: BURST - 1, 429: REQUESTS - BURST + 1},
        {204: BURST, 429: REQUESTS - BURST - 1, 503: 1},
        {204: BURST, 429: REQUESTS - BURST, 200: 1},
    ],
)
def test_one_salvo_that_is_off_by_one_fails(statuses: dict[int, int]) -> None:
    assert of_limit([EXACT, EXACT]).holds
    assert not of_limit([EXACT, Tally(Counter(statuses), 0.2), EXACT]).holds


@pytest.mark.parametrize(
    ("passed", "allowed", "holds"), [(2000, 2000, True), (2000, 2001, False), (2000, 1999, False), (1999, 1999, False)]
)
def test_counts_of_client_and_server_agree(passed: int, allowed: int, holds: bool) -> None:
    tally = Tally(Counter({204: passed, 429: 2000 - passed}), 0.2)
    assert of_count(tally, allowed, 2000).holds is holds


@pytest.mark.parametrize(
    ("passed", "seconds", "beyond"), [(60, 0.5, 0), (61, 0.5, 1), (59, 0.5, -1), (61, 60, 0), (61, 59.9, 1)]
)
def test_admission_includes_the_refill(passed: int, seconds: float, beyond: int) -> None:
    assert beyond_limit(Tally(Counter({204: passed, 429: 300}), seconds)) == beyond


@pytest.mark.parametrize(("many", "holds"), [(114.0, True), (116.0, False)])
def test_only_the_same_working_set_is_bounded(many: float, holds: bool) -> None:
    series = [Series(keys.FEW, (100.0,)), Series(keys.MANY, (many,)), Series(keys.SPREAD, (5000.0,))]
    assert keys.of_elapsed(series).holds is holds


def test_parts_name_modules_that_exist() -> None:
    ours = [
        name for names in parts.PARTS.values() for name in names if not name.startswith(("uvicorn", "asyncio", "hmac"))
    ]
    assert [name for name in ours if not (ROOT / name).exists()] == []
    shares = parts.shares({"hmac.py:digest": 30, "elsewhere.py:run": 10})
    assert (shares["record and HMAC"], shares["metrics"], shares[parts.OTHER]) == (0.75, 0, 0.25)


def test_wrk_output() -> None:
    assert wrk.parse(OUTPUT.format(requests=32_000, denied=0, failed=0)) == Run(
        32_000, 1.6, {50: 2.5, 90: 4.0, 99: 9.25}
    )
    for requests, denied, failed in ((0, 0, 0), (9, 1, 0), (9, 0, 1)):
        with pytest.raises(CouldNotMeasure):
            wrk.parse(OUTPUT.format(requests=requests, denied=denied, failed=failed))
    assert wrk.parse(OUTPUT.format(requests=9, denied=2, failed=1), may_fail=True).failed == 3
