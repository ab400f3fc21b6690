"""Precomputed allow responses: the parts that are the same for every request of a key are built once, as bytes."""

import re
from dataclasses import dataclass, field
from typing import Final

from apikeys.authenticator import Verified
from apikeys.cache.records import KeyRecord
from gateway.check import NO_STORE
from gateway.question import Question
from latchkey import headers
from latchkey.identity import identity_headers
from ratelimit.decision import Decision
from ratelimit.headers import encode_state_headers, policy_headers

_PASSES: Final = b"HTTP/1.1 204 No Content\r\ndate: %b\r\n%b%b: %b\r\n%b\r\n"
_PASSES_AS_OK: Final = b"HTTP/1.1 200 OK\r\ndate: %b\r\n%b%b: %b\r\ncontent-length: 0\r\n%b\r\n"
_REQUEST_ID: Final = headers.REQUEST_ID.lower().encode()
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_KEYS: Final = 50_000
_QUESTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class _Known:
    """Precomputed fields of a key's record, and its recent scope decisions."""

    record: KeyRecord
    fields: bytes
    allows: dict[tuple[str, ...], bool] = field(default_factory=dict)


_known: dict[str, _Known] = {}


def passes(verified: Verified, decision: Decision, question: Question, request_id: bytes, date: bytes) -> bytes | None:
    """Return the complete allow response as bytes, or None if the request is denied."""
    known = _of(verified.record)
    if not decision.allowed or not (not question.scopes or _allows(known, question.scopes)):
        return None
    whole = _PASSES_AS_OK if question.allow_as_ok else _PASSES
    return whole % (date, known.fields, _REQUEST_ID, request_id, encode_state_headers(decision))


def _of(record: KeyRecord) -> _Known:
    key_id = record.auth.key_id
    known = _known.get(key_id)
    # Identity, not equality: a changed key has a new record object, which invalidates the precomputed fields.
    if known is not None and known.record is record:
        return known
    if len(_known) >= _KEYS:
        # Bounds the memory: starting over is simpler than tracking which entries are still used.
        _known.clear()
    _known[key_id] = known = _Known(
        record, lines([*identity_headers(record.auth), *policy_headers(record.limit), NO_STORE])
    )
    return known


def _allows(known: _Known, scopes: tuple[str, ...]) -> bool:
    answer = known.allows.get(scopes)
    if answer is None:
        if len(known.allows) >= _QUESTIONS:
            known.allows.clear()
        answer = known.allows[scopes] = all(map(known.record.auth.allows, scopes))
    return answer


def lines(fields: list[tuple[str, str]]) -> bytes:
    """Return the fields as header lines. Raise ValueError if a value contains a control character."""
    # A line break in a value would inject header fields (response splitting).
    if any(_NO_VALUE.search(value) for _, value in fields):
        raise ValueError("a field holds a control character")
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in fields]).encode("latin-1")
