"""Precomputed allow responses: the parts that are the same for every request of a key are built once, as bytes."""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from apikeys.cache.records import KeyRecord
from apikeys.callers.countdown import Countdown
from gateway.calls import GatewayResponse
from gateway.check_parameters import CheckParameters
from latchkey import headers
from latchkey.headers import NO_STORE
from latchkey.identity import identity_headers
from ratelimit.decision import Decision
from ratelimit.headers import encode_plan_headers, encode_state_headers, policy_headers

_NO_CONTENT: Final = b"HTTP/1.1 204 No Content\r\ndate: %b\r\n%b%b: %b\r\n%b\r\n"
_OK: Final = b"HTTP/1.1 200 OK\r\ndate: %b\r\n%b%b: %b\r\ncontent-length: 0\r\n%b\r\n"
_REQUEST_ID: Final = headers.REQUEST_ID.lower().encode()
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_KEYS: Final = 50_000
_MAX_SCOPE_DECISIONS: Final = 32


@dataclass(frozen=True, slots=True)
class Precomputed:
    """Precomputed fields of a key's record, its recent scope decisions, and the countdown to its next sample.

    `fields` include those about the key's own limit, which `without_limit` lacks.
    """

    record: KeyRecord
    fields: bytes
    without_limit: bytes
    countdown: Countdown
    allows: dict[tuple[str, ...], bool] = field(default_factory=dict)


_by_key_id: dict[str, Precomputed] = {}


def allow_response(
    precomputed: Precomputed, decision: Decision, parameters: CheckParameters, request_id: bytes, date: bytes
) -> bytes | None:
    """Return the complete allow response as bytes, or None if the request is denied."""
    if not decision.allowed or not (not parameters.scopes or _allows(precomputed, parameters.scopes)):
        return None
    template = _OK if parameters.allow_as_ok else _NO_CONTENT
    if decision.shown is not None:
        return template % (
            date, precomputed.without_limit, _REQUEST_ID, request_id, encode_plan_headers(decision)
        )  # fmt: skip
    return template % (date, precomputed.fields, _REQUEST_ID, request_id, encode_state_headers(decision))


def precomputed_of(record: KeyRecord) -> Precomputed:
    """Return what is precomputed for the record."""
    key_id = record.auth.key_id
    precomputed = _by_key_id.get(key_id)
    # Identity, not equality: a changed key has a new record object, which invalidates the precomputed fields.
    if precomputed is not None and precomputed.record is record:
        return precomputed
    if len(_by_key_id) >= _MAX_KEYS:
        # WorkerLimits the memory: starting over is simpler than tracking which entries are still used.
        _by_key_id.clear()
    without_limit = header_lines([*identity_headers(record.auth), NO_STORE])
    lines = header_lines([*identity_headers(record.auth), *policy_headers(record.limit), NO_STORE])
    # A record is read again every few seconds, so the first request after that is a sample: a key that is used less
    # than before, or rarely, shows its callers soon.
    countdown = Countdown() if precomputed is None else precomputed.countdown.carried()
    _by_key_id[key_id] = precomputed = Precomputed(record, lines, without_limit, countdown)
    return precomputed


def _allows(precomputed: Precomputed, scopes: tuple[str, ...]) -> bool:
    allowed = precomputed.allows.get(scopes)
    if allowed is None:
        if len(precomputed.allows) >= _MAX_SCOPE_DECISIONS:
            precomputed.allows.clear()
        allowed = precomputed.allows[scopes] = all(map(precomputed.record.auth.allows, scopes))
    return allowed


def response_head(response: GatewayResponse, date: bytes) -> bytes:
    """Return the status line and the header of `response`. Raise ValueError if a value contains a control character."""
    status = HTTPStatus(response.status)
    fields = [("Date", date.decode()), *response.fields, ("Content-Length", str(len(response.body)))]
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + header_lines(fields) + b"\r\n"


def header_lines(fields: list[tuple[str, str]]) -> bytes:
    """Return the fields as header lines. Raise ValueError if a value contains a control character."""
    # A line break in a value would inject header fields (response splitting).
    if any(_CONTROL_CHARACTER.search(value) for _, value in fields):
        raise ValueError("a field holds a control character")
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in fields]).encode("latin-1")
