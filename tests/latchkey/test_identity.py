"""The fields that say who calls, and the largest of them."""

import pytest

from latchkey.auth_context import AuthContext
from latchkey.identity import MAX_OWNER_BYTES, MAX_SCOPES_BYTES, identity_headers, owner_value, scopes_value
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
