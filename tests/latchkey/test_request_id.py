import pytest

from latchkey.credentials import generate_key_id, generate_secret
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


@pytest.mark.parametrize("before", ["", "x-", f"{generate_key_id()}."], ids=["alone", "after a word", "after a key id"])
def test_one_with_a_secret_is_replaced(before: str) -> None:
    """It would stand in every line of the log, and in the event log."""
    secret = generate_secret()
    assert secret not in resolve_request_id(before + secret)
    mistyped = before + secret[:-1] + ("a" if secret[-1] != "a" else "b")
    assert resolve_request_id(mistyped) == mistyped
