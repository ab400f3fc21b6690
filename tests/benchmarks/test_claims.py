"""What the benchmark of claims measures: every candidate decides each request, and spends what it says."""

import pytest

from benchmarks.claims import BOUNDS, COMPARED, _candidates, _latchkey, _limits_name


@pytest.mark.parametrize("count", [0, 3, 16])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("batched", [False, True])
def test_every_request_is_decided(count: int, shared: bool, batched: bool) -> None:
    decide = _latchkey(lambda: "memory://", count, shared=shared, batched=batched)
    keys = ["lk_000000000001", "lk_000000000002", "lk_000000000001"]
    assert decide(keys) == 3


def test_conditions_are_about_what_is_measured() -> None:
    candidates = _candidates("/nowhere", "redis://nowhere")
    assert {*BOUNDS, _limits_name(COMPARED)} <= candidates.keys()
