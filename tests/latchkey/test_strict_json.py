import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.strict_json import MAX_DEPTH, MalformedJSON, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('abc[]{}"\\', max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nul",
        b"{'a': 1}",
        b'{"a": 1, "a": 1}',
        b'[{"a": {"b": 1, "b": 2}}]',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b'{"burst": 1e999}',
        b"1" * 5000,
        b"\xff\xfe",
        b'"\xc3"',
        b'"\\u0000"',
        b'"\\ud800"',
        b'{"\\ud800": 1}',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"1 2",
        b"\xef\xbb\xbf{}",
    ],
)
def test_invalid_json_is_rejected(text: bytes) -> None:
    with pytest.raises(MalformedJSON):
        loads(text)


def test_depth_is_counted_outside_strings_only() -> None:
    assert loads("[" * MAX_DEPTH + '"' + "[" * 90 + '\\""' + "]" * MAX_DEPTH)


def test_errors_repeat_nothing_of_the_text() -> None:
    with pytest.raises(MalformedJSON) as caught:
        loads(b'{"password": hunter2}')
    assert "hunter2" not in str(caught.value)


def test_a_string_of_quotes_is_read_in_one_pass() -> None:
    """With a pattern that goes back over it, this would take minutes."""
    with pytest.raises(MalformedJSON):
        loads('{"label": "' + '\\"' * 1_000_000)
