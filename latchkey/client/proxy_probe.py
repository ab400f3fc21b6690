"""Requests to a URL that a proxy protects, and the responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from latchkey import __version__, headers
from latchkey.client.address import host_of
from latchkey.client.connection_failures import no_answer
from latchkey.client.deadline import Deadline
from latchkey.problems import MEDIA_TYPE
from latchkey.strict_json import MalformedJSON, loads

MAX_BODY: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A response: its status, its fields by name in lower case, and the beginning of its body."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Mapping[str, object] | None:
        """Return the body if it's a problem (RFC 9457) with the response's own status, otherwise None."""
        if self.fields.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
            return None
        try:
            document = loads(self.body)
        except MalformedJSON:
            return None
        if not isinstance(document, dict) or document.get("status") != self.status:
            return None
        return document if isinstance(document.get("type"), str) else None


@dataclass(frozen=True, slots=True)
class Probe:
    """Sender of requests to `url`. It follows no redirect, and reads each response for `seconds` at most."""

    http: httpx.Client
    url: str
    request_id: str
    seconds: float

    def ask(self, fields: Mapping[str, str] | None = None, method: str = "GET") -> Seen:
        """Return the response to a request with these fields. Raises NoAnswer."""
        own = {"User-Agent": f"latchkey/{__version__}", headers.REQUEST_ID: self.request_id}
        body = bytearray()
        deadline = Deadline(self.seconds)
        sent: dict[str, Any] = {"headers": {**own, **(fields or {})}, "extensions": {"timeout": deadline}}
        try:
            with self.http.stream(method, self.url, follow_redirects=False, **sent) as answer:
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) >= MAX_BODY or deadline.passed:
                        break
                return Seen(answer.status_code, dict(answer.headers), bytes(body[:MAX_BODY]))
        except httpx.TransportError as error:
            failure = no_answer(error, host_of(self.url))
            failure.request_id = self.request_id
            raise failure from None
        except httpx.DecodingError:
            # Status and fields have arrived, and most checks need nothing else.
            return Seen(answer.status_code, dict(answer.headers), b"")
