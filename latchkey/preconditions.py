"""Preconditions (RFC 9110, section 13): a change that was decided on one state isn't applied to another.

A state is a whole number that increases with every change, such as a key's epoch. Its entity tag is
that number in quotes.
"""

import re
from collections.abc import Collection
from typing import Final

from latchkey.problems import ProblemError

MAX_IF_MATCH: Final = 1000
_STATE = re.compile(r"[0-9]{1,18}")
# A tag may contain commas, so don't split the list at them. The quantifiers
# are possessive, which rules out backtracking.
_LISTED = re.compile(r'[ \t]*+(?:(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*+)")?[ \t]*+(?:,|\Z)')


class PreconditionFailed(ProblemError):
    """The resource is no longer in the state on which the change was decided."""

    slug = "precondition-failed"


class MalformedPrecondition(ProblemError):
    """The header field `If-Match` can't be parsed."""

    slug = "malformed-request"


def entity_tag(state: int) -> str:
    """Return the strong entity tag of a state, the value of `ETag`."""
    return f'"{state}"'


def parse_if_match(if_match: str | None) -> frozenset[int] | None:
    """Return the states that an `If-Match` accepts, or None if it accepts every state: it's missing or `*`.

    Raises MalformedPrecondition for anything other than `*` or a list of entity tags.
    """
    if if_match is None or if_match.strip(" \t") == "*":
        return None
    accepted: set[int] = set()
    named = False
    position = 0
    while position < len(if_match) <= MAX_IF_MATCH:
        found = _LISTED.match(if_match, position)
        if found is None:
            break
        tag = found["tag"]
        named = named or tag is not None
        # A weak tag matches nothing (RFC 9110, section 13.1.1), nor does a tag that Latchkey never returns.
        if tag is not None and not found["weak"] and _STATE.fullmatch(tag):
            accepted.add(int(tag))
        position = found.end()
    if position < len(if_match) or not named:
        raise MalformedPrecondition(
            'If-Match must be *, or the ETag of an earlier response with its quotes, for example "7".'
        )
    return frozenset(accepted)


def check_state(state: int, expected: Collection[int] | None, what: str) -> None:
    """Raise PreconditionFailed if `expected` doesn't contain `state`; None accepts every state.

    Call it in the transaction of the change, after the row is locked. Otherwise another change
    can come in between.
    """
    if expected is not None and state not in expected:
        raise PreconditionFailed(f"{what} has changed since you read it.")
