"""Requests to a URL that a proxy protects, and the responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from latchkey import __version__, headers
from latchkey.client.address import host_of
from latchkey.client.connection_failures import connection_failure
from latchkey.client.deadline import Deadline
from latchkey.problems import MEDIA_TYPE
from latchkey.strict_json import MalformedJSON, loads

MAX_BODY: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """A response: its status, its fields by name in lower case, and the beginning of its body."""

    status: int
    header_fields: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Mapping[str, object] | None:
        """Return the body if it's a problem (RFC 9457) with the response's own status, otherwise None."""
        if self.header_fields.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
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

    def send(self, header_fields: Mapping[str, str] | None = None, method: str = "GET") -> ProbeResponse:
        """Return the response to a request with these fields. Raises NoResponse."""
        default_fields = {"User-Agent": f"latchkey/{__version__}", headers.REQUEST_ID: self.request_id}
        body = bytearray()
        deadline = Deadline(self.seconds)
        sent: dict[str, Any] = {
            "headers": {**default_fields, **(header_fields or {})},
            "extensions": {"timeout": deadline},
        }
        try:
            with self.http.stream(method, self.url, follow_redirects=False, **sent) as received:
                for chunk in received.iter_bytes():
                    body += chunk
                    if len(body) >= MAX_BODY or deadline.expired:
                        break
                return ProbeResponse(received.status_code, dict(received.headers), bytes(body[:MAX_BODY]))
        except httpx.TransportError as error:
            failure = connection_failure(error, host_of(self.url))
            failure.request_id = self.request_id
            raise failure from None
        except httpx.DecodingError:
            # Status and fields have arrived, and most checks need nothing else.
            return ProbeResponse(received.status_code, dict(received.headers), b"")
