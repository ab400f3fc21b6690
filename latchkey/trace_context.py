"""W3C Trace Context: the `traceparent` field, which connects the calls, log lines and spans of one trace.

Source: https://www.w3.org/TR/trace-context/, section 3.2.
"""

import os
import re
import secrets
from dataclasses import dataclass
from typing import Final

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_INVALID_SPAN_ID: Final = "0" * 16
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A position in a trace: IDs of the trace (32 hex digits) and of the span (16), and whether the trace is kept."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """Return the value of the field `traceparent`, in version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    def child(self) -> "TraceContext":
        """Return another position in the same trace, with a new span ID."""
        return TraceContext(self.trace_id, new_span_id(), self.sampled)


def new_span_id() -> str:
    """Return a new span ID: 16 random hexadecimal characters, not all zero."""
    span_id = os.urandom(8).hex()
    return span_id if span_id != _INVALID_SPAN_ID else new_span_id()


def trace_of_request(request_id: str) -> TraceContext:
    """Return a new trace for the request `request_id`.

    Its trace ID is the request ID if that's a valid trace ID, as every ID that Latchkey makes is.
    """
    # With one ID for both, one search finds the request and its trace.
    usable = _TRACE_ID.fullmatch(request_id) and int(request_id, 16)
    return TraceContext(request_id if usable else f"{secrets.randbits(128) or 1:032x}", new_span_id())


def parse_traceparent(text: str | None) -> TraceContext | None:
    """Return the context in a `traceparent` field, or None if it's missing or invalid."""
    match = _TRACEPARENT.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    # Only versions above 00 may have more parts after these four. Version ff is invalid, and so are IDs of zeros.
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))
