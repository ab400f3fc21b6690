"""The fields that say who calls, and the largest of them."""

import pytest

from latchkey.auth_context import AuthContext
from latchkey.identity import (
    MAX_OWNER_BYTES,
    MAX_SCOPES_BYTES,
    identity_headers,
    owner_value,
    read_identity,
    scopes_value,
)
from latchkey.validation import MAX_TEXT
from tests.gateway.largest_key import OWNER, SCOPES


@pytest.mark.parametrize(
    ("owner", "value"),
    [("", ""), ("Payments", "Payments"), ("Zoë & Söhne", "Zo%C3%AB & S%C3%B6hne"), ("100%", "100%25"), ("🔑", "%F0%9F%94%91")],
)  # fmt: skip
def test_owner(owner: str, value: str) -> None:
    assert owner_value(owner) == value


def test_fields() -> None:
    auth = AuthContext("lk_000000000000", "label", "ö", frozenset(("b:x", "a:*")))
    assert identity_headers(auth) == [
        ("X-Latchkey-Key-Id", "lk_000000000000"),
        ("X-Latchkey-Owner", "%C3%B6"),
        ("X-Latchkey-Scopes", "a:* b:x"),
    ]


def test_every_owner_in_ascii_is_within_the_bound() -> None:
    assert len(owner_value("%" * MAX_TEXT)) == MAX_OWNER_BYTES


def test_the_largest_key_is_at_the_bounds() -> None:
    assert (len(owner_value(OWNER)), len(scopes_value(SCOPES))) == (MAX_OWNER_BYTES, MAX_SCOPES_BYTES)


def test_identity_is_read_as_it_was_written() -> None:
    auth = AuthContext("lk_0123456789ab", "", "Zoë, 100% %C3", frozenset({"orders:read", "a:*"}))
    assert read_identity(*(value for _, value in identity_headers(auth))) == auth
    assert read_identity("lk_0123456789ab", None, None) == AuthContext("lk_0123456789ab", "", "", frozenset())


@pytest.mark.parametrize("key_id", [None, "", "lk_x", "lk_0123456789ab,lk_0123456789ab", "lk_0123456789ab\n"])
def test_without_one_key_id_there_is_no_identity(key_id: str | None) -> None:
    assert read_identity(key_id, "shop", "*") is None
