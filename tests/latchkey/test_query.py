"""Query parameters: what is understood, and everything else."""

import pytest

from latchkey.query import Parameter, choice_parameter, number_parameter, parse_query, text_parameter, time_parameter
from latchkey.validation import InvalidParameters

QUERY = (
    number_parameter("limit", 1, 200, "Rows.", default=50),
    choice_parameter("state", ["active", "revoked"], "State."),
    text_parameter("owner", "Owner.", max_length=10),
    time_parameter("since", "Time."),
    Parameter("tag", str, {"type": "string"}, "Tags.", repeats=True),
)


def faults(raw: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidParameters) as caught:
        parse_query(raw, QUERY)
    return [(error.pointer, error.code) for error in caught.value.errors]


def test_no_parameter_has_no_value() -> None:
    assert parse_query(b"", QUERY) == {}


def test_values_are_decoded_and_parsed() -> None:
    values = parse_query(b"limit=7&state=revoked&owner=a+b%C3%BC&tag=x&tag=y", QUERY)
    assert values == {"limit": 7, "state": "revoked", "owner": "a bü", "tag": ["x", "y"]}


def test_text_sent_as_raw_utf_8_is_decoded() -> None:
    assert parse_query("owner=zoë".encode(), QUERY) == {"owner": "zoë"}


@pytest.mark.parametrize(
    ("raw", "pointer", "code"),
    [
        (b"stat=revoked", "/stat", "unknown-parameter"),
        (b"=x", "/", "unknown-parameter"),
        (b"a~b/c=1", "/a~0b~1c", "unknown-parameter"),
        (b"LIMIT=1", "/LIMIT", "unknown-parameter"),
        (b"limit=", "/limit", "empty-parameter"),
        (b"limit", "/limit", "empty-parameter"),
        (b"tag=", "/tag", "empty-parameter"),
        (b"owner=%20", "/owner", "empty"),
        (b"limit=1&limit=1", "/limit", "repeated-parameter"),
        (b"limit=201", "/limit", "out-of-range"),
        (b"limit=1.0", "/limit", "out-of-range"),
        (b"state=dead", "/state", "not-a-choice"),
        (b"owner=" + b"x" * 11, "/owner", "too-long"),
        (b"owner=a%00", "/owner", "control-character"),
        (b"since=2026-01-01", "/since", "not-a-time"),
        (b"owner=%ff", "", "not-utf-8"),
        (b"owner=\xff", "", "not-utf-8"),
        (b"x=1&" * 71, "", "too-many"),
    ],
)
def test_what_is_not_understood_is_rejected(raw: bytes, pointer: str, code: str) -> None:
    assert faults(raw) == [(pointer, code)]


def test_every_fault_is_named() -> None:
    assert faults(b"stat=x&limit=0&state=") == [
        ("/stat", "unknown-parameter"), ("/limit", "out-of-range"), ("/state", "empty-parameter")
    ]  # fmt: skip


def test_faults_are_bounded() -> None:
    assert len(faults(b"&".join(b"x%d=1" % n for n in range(60)))) == 21


def test_call_without_parameters_says_so() -> None:
    with pytest.raises(InvalidParameters, match="has no parameters"):
        parse_query(b"x=1", ())
