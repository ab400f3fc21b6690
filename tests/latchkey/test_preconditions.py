"""Which states an If-Match accepts (RFC 9110, section 13.1.1)."""

import pytest

from latchkey.preconditions import (
    MAX_IF_MATCH,
    MalformedPrecondition,
    PreconditionFailed,
    check_state,
    entity_tag,
    parse_if_match,
)


@pytest.mark.parametrize(
    ("field", "accepted"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ('"7"', {7}),
        ('"7", "8","9"', {7, 8, 9}),
        (', ,"7" ,', {7}),
        ('W/"7"', set()),
        ('W/"7", "8"', {8}),
        ('"other"', set()),
        ('"a,b"', set()),
        ('"1,", "2"', {2}),
        ('""', set()),
        ('"' + "9" * 19 + '"', set()),
    ],
)
def test_accepted_states(field: str | None, accepted: set[int] | None) -> None:
    assert parse_if_match(field) == accepted


@pytest.mark.parametrize(
    "field",
    [
        "",
        ",",
        "7",
        '"7',
        '7"',
        "'7'",
        '"7" "8"',
        '*, "7"',
        'w/"7"',
        'W/ "7"',
        '"a b"',
        '"7";',
        '"٣"',
        ('"7",' * MAX_IF_MATCH),
    ],
)
def test_malformed_if_match_is_rejected(field: str) -> None:
    with pytest.raises(MalformedPrecondition, match="If-Match must be"):
        parse_if_match(field)


def test_entity_tag_is_accepted_as_it_was_shown() -> None:
    assert parse_if_match(entity_tag(12)) == frozenset([12])


def test_state_is_checked() -> None:
    check_state(3, None, "The key")
    check_state(3, {2, 3}, "The key")
    for expected in ({2}, set()):
        with pytest.raises(PreconditionFailed, match=r"The key has changed since you read it\."):
            check_state(3, expected, "The key")
