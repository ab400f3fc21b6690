import pytest

from latchkey.auth_context import covers


@pytest.mark.parametrize(
    ("granted", "wanted", "expected"),
    [
        ({"keys:read"}, "keys:read", True),
        ({"keys:read"}, "keys:write", False),
        ({"*"}, "keys:write", True),
        ({"*"}, "*", True),
        (set(), "keys:read", False),
        ({"orders:*"}, "orders:read", True),
        ({"orders:*"}, "orders:re*", True),
        ({"orders:re*"}, "orders:*", False),
        ({"orders:*"}, "ordersx:read", False),
        ({"orders:*"}, "*", False),
        ({"keys:read", "keys:write"}, "*", False),
        ({"a.b:*"}, "axb:read", False),
        ({"a:*b"}, "a:*", False),
    ],
)
def test_covers(granted: set[str], wanted: str, expected: bool) -> None:
    assert covers(frozenset(granted), wanted) is expected
