"""Chunked transfer coding of a response's body (RFC 9112, section 7.1)."""

import re
from typing import Final

from latchkey.client.http1.malformed import MalformedResponse

# 8 hexadecimal digits are 4 GiB, far above what the client accepts. Extensions of a chunk are ignored.
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n\0]*)?")
_MAX_LINE_BYTES: Final = 4096
_MAX_TRAILER_BYTES: Final = 16_384


class ChunkedBody:
    """Decoder of a chunked body, which may arrive in any pieces."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._left = 0  # bytes of the current chunk that are missing, with the line break after it
        self._trailer_bytes: int | None = None

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what `data` adds to the body, and whether the body is complete. Raises MalformedResponse."""
        self._unread += data
        decoded = bytearray()
        position = 0
        try:
            while True:
                if self._left:
                    taken = min(self._left, len(self._unread) - position)
                    decoded += self._chunk_part(position, taken)
                    position += taken
                    self._left -= taken
                    if self._left:
                        return bytes(decoded), False
                    continue
                end = self._unread.find(b"\r\n", position)
                if end < 0:
                    if len(self._unread) - position > _MAX_LINE_BYTES:
                        raise MalformedResponse
                    return bytes(decoded), False
                line = bytes(self._unread[position:end])
                position = end + 2
                if self._is_last(line):
                    return bytes(decoded), True
        finally:
            del self._unread[:position]

    @property
    def surplus(self) -> bool:
        """Return whether bytes came after the end of the body."""
        return bool(self._unread)

    def _chunk_part(self, position: int, taken: int) -> bytes:
        """Return the next bytes of the chunk, without the line break that ends it."""
        part = bytes(self._unread[position : position + taken])
        data = max(min(taken, self._left - 2), 0)
        # What is beyond the data has to be the line break, or the part of it that has arrived.
        start = 2 - self._left if self._left < 2 else 0
        if part[data:] != b"\r\n"[start : start + taken - data]:
            raise MalformedResponse
        return part[:data]

    def _is_last(self, line: bytes) -> bool:
        """Read the line before a chunk or one of the trailer. Return whether it ends the body."""
        if self._trailer_bytes is not None:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > _MAX_TRAILER_BYTES:
                raise MalformedResponse
            return not line
        match = _SIZE.fullmatch(line)
        if match is None:
            raise MalformedResponse
        size = int(match[1], 16)
        if size:
            self._left = size + 2
        else:
            self._trailer_bytes = 0
        return False
