"""A list in a header is bounded before it is parsed."""

import pytest

from httpserver.list_headers import MAX_BYTES, bounded_lists

LONG = b"," * (MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (b"accept", b"text/html", [b"text/html"]),
        (b"accept", b"a" * MAX_BYTES, [b"a" * MAX_BYTES]),
        (b"accept", LONG, [b"*/*"]),
        (b"if-none-match", LONG, []),
        (b"accept-encoding", LONG, []),
        (b"range", LONG, []),
        (b"cookie", LONG, [LONG]),
        (b"x-anything", LONG, [LONG]),
    ],
)
def test_field(name: bytes, value: bytes, expected: list[bytes]) -> None:
    others = [(b"host", b"localhost"), (b"x", LONG)]
    assert sorted(bounded_lists([others[0], (name, value), others[1]])) == sorted(
        [*others, *((name, one) for one in expected)]
    )


def test_field_that_is_sent_many_times_is_one_list() -> None:
    fields = [(b"accept", b"a,a,a" * 40)] * 30 + [(b"host", b"localhost")]
    assert bounded_lists(fields) == [(b"host", b"localhost"), (b"accept", b"*/*")]
