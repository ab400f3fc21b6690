"""What is read of wrk's output."""

from typing import Final

import pytest

from benchmarks.failure import CouldNotMeasure
from benchmarks.gateway.wrk import Run, parse

OUTPUT: Final = """Running 1s test @ http://127.0.0.1:8000/v1/check
  1 threads and 64 connections
  32000 requests in 1.60s, 5.00MB read
Requests/sec:  20000.00
Transfer/sec:      3.12MB
measured {requests} 1600000 {refused} {failed} 2500 4000 9250
"""


def output(*, requests: int = 32_000, refused: int = 0, failed: int = 0) -> str:
    return OUTPUT.format(requests=requests, refused=refused, failed=failed)


def test_parse() -> None:
    run = parse(output())
    assert run == Run(32_000, 1.6, {50: 2.5, 90: 4.0, 99: 9.25})
    assert run.rate == 20_000


@pytest.mark.parametrize(
    "text",
    [output(refused=1), output(failed=1), output(requests=0), "", "unable to connect to 127.0.0.1:8000\n"],
    ids=["refused", "failed", "nothing", "silence", "no server"],
)
def test_a_run_in_which_not_all_passed_is_no_measurement(text: str) -> None:
    with pytest.raises(CouldNotMeasure):
        parse(text)
