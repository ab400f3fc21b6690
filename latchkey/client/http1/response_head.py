"""Head of a response: its status and fields, read strictly (RFC 9112)."""

import re
from dataclasses import dataclass
from typing import Final

from latchkey import headers
from latchkey.client.http1.malformed import MalformedResponse

MAX_HEAD_BYTES: Final = 65_536
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WITHOUT_BODY: Final = (204, 304)
# Most names of Latchkey's responses, as it writes them: a lookup is several times as fast as a check.
_USUAL: Final = frozenset(
    name.lower()
    for name in (
        *("Date", "Server", "Content-Type", "Content-Length", "Cache-Control", "Connection", headers.REQUEST_ID),
        *(headers.RATE_LIMIT_POLICY, headers.RATE_LIMIT),
        *(headers.X_RATE_LIMIT_LIMIT, headers.X_RATE_LIMIT_REMAINING, headers.X_RATE_LIMIT_RESET),
    )
)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A head. Names of `fields` are in lower case; the values of several fields of a name are joined by commas."""

    status: int
    fields: dict[str, str]
    is_http_1_0: bool

    @property
    def keeps_connection(self) -> bool:
        """Return whether the server keeps the connection open after this response."""
        connection = self.fields.get("connection")
        if connection is None:
            return not self.is_http_1_0
        return not self.is_http_1_0 and "close" not in (option.strip() for option in connection.lower().split(","))

    @property
    def is_chunked(self) -> bool:
        """Return whether the body is chunked. Raises MalformedResponse for another coding, or an ambiguous length."""
        coding = self.fields.get("transfer-encoding")
        if coding is None or self.status in _WITHOUT_BODY:
            return False
        # Two readers of a response with both fields could see different bodies.
        if coding.lower() != "chunked" or "content-length" in self.fields or self.is_http_1_0:
            raise MalformedResponse
        return True

    @property
    def body_bytes(self) -> int | None:
        """Return the length of the body, or None if it ends with the connection. Raises MalformedResponse."""
        if self.status in _WITHOUT_BODY:
            return 0
        length = self.fields.get("content-length")
        if length is None:
            return None
        if _LENGTH.fullmatch(length) is None:
            raise MalformedResponse
        return int(length)


def read_head(head: bytes) -> ResponseHead:
    """Return the head in these bytes, which are those before the empty line. Raises MalformedResponse."""
    text = head.decode("latin-1")
    first, *lines = text.split("\r\n")
    status_line = _STATUS_LINE.fullmatch(first)
    # A single CR or LF is a line break to some readers and not to others.
    if status_line is None or "\0" in text or text.count("\r") != len(lines) or text.count("\n") != len(lines):
        raise MalformedResponse
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if name not in _USUAL or not colon:
            # Without the check of its name, a line that continues the one before would be a field.
            if not colon or _NAME.fullmatch(name) is None:
                raise MalformedResponse
            name = name.lower()
        value = value.strip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return ResponseHead(int(status_line[2]), fields, status_line[1] == "0")
