"""Request as it is sent: one message of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_HAVE_BODY: Final = ("POST", "PUT", "PATCH")


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `target` begins with a slash and is percent-encoded. Its `repr` shows no credential."""

    method: str
    target: str
    fields: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    def message(self, authority: str) -> bytes:
        """Return the bytes to send to the server `authority`.

        Raises ValueError for a field that isn't ASCII or has a line break. The message doesn't repeat it.
        """
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in self.fields.items()]
        if self.body is not None or self.method in _HAVE_BODY:
            lines.append(f"Content-Length: {len(self.body or b'')}")
        head = "\r\n".join(lines)
        # Without this, a value with a line break would add fields or a second request.
        breaks = len(lines) - 1
        if not head.isascii() or "\0" in head or head.count("\n") != breaks or head.count("\r") != breaks:
            raise ValueError("a header field must be ASCII without line breaks")
        return b"%b\r\n\r\n%b" % (head.encode("ascii"), self.body or b"")
