import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.limit import MAX_BURST, MAX_PER_SECONDS, MAX_PLAN_BURST, Limit, LimitError, parse_limit, parse_limit_text
from tests.ratelimit.invalid_limits import INVALID_LIMITS, InvalidLimit


@pytest.mark.parametrize("refusal", INVALID_LIMITS, ids=lambda refusal: refusal.text[:40])
def test_invalid_limit_has_pointer_and_reason(refusal: InvalidLimit) -> None:
    with pytest.raises(LimitError) as caught:
        parse_limit_text(refusal.text)
    assert tuple((error.pointer, error.code) for error in caught.value.errors) == refusal.faults
    assert all(error.detail.endswith(".") for error in caught.value.errors)


@given(st.integers(1, MAX_BURST), st.integers(1, MAX_PER_SECONDS))
def test_every_valid_limit_survives_its_code(burst: int, per_seconds: int) -> None:
    limit = parse_limit({"burst": burst, "per_seconds": per_seconds})
    assert limit == Limit(burst, per_seconds)
    assert limit is not None
    assert Limit.from_code(limit.code) == limit
    assert limit.as_json() == {"burst": burst, "per_seconds": per_seconds}
    assert limit.price * limit.burst == limit.per_seconds * 10**9 * limit.ticks == limit.capacity


def test_null_is_unlimited() -> None:
    assert parse_limit(None) is None
    assert parse_limit_text("null") is None


@pytest.mark.parametrize(("burst", "per_seconds"), [(0, 1), (1, 0), (MAX_PLAN_BURST + 1, 1), (1, MAX_PER_SECONDS + 1)])
def test_no_limit_out_of_range_can_be_made(burst: int, per_seconds: int) -> None:
    with pytest.raises(ValueError, match="must be from 1"):
        Limit(burst, per_seconds)
