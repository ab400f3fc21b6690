import pytest

from latchkey.request_id import resolve_request_id


@pytest.mark.parametrize("offered", ["a", "A-b_c.9", "x" * 128])
def test_a_well_formed_id_is_kept(offered: str) -> None:
    assert resolve_request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "x" * 129, "a b", "a\n", "ä", '{"a"}', "a,b"])
def test_any_other_is_replaced(offered: str | None) -> None:
    fresh = resolve_request_id(offered)
    assert fresh != offered
    assert len(fresh) == 32
    assert resolve_request_id(offered) != fresh
