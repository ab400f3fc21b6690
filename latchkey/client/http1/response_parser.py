"""Parser of one response, from bytes that may arrive in any pieces. It does no input or output."""

from typing import Final

from latchkey.client.http1.chunked import ChunkedBody
from latchkey.client.http1.malformed import MalformedResponse, ResponseTooLarge
from latchkey.client.http1.response import Response
from latchkey.client.http1.response_head import MAX_HEAD_BYTES, ResponseHead, read_head

_PREFIX: Final = b"HTTP/1."
_MAX_INTERIM: Final = 8


class ResponseParser:
    """Parser of the response to one request.

    Once `feed` or `end` has returned True, `response` is what was read. `can_reuse` is whether the connection
    can carry another request. A body of more than `max_body_bytes` raises ResponseTooLarge.
    """

    __slots__ = ("_body", "_chunked", "_head", "_interim", "_left", "_max_body_bytes", "_unread", "can_reuse")

    def __init__(self, max_body_bytes: int) -> None:
        self._head: ResponseHead | None = None
        self._body: bytes | bytearray = b""
        self.can_reuse = False
        self._max_body_bytes = max_body_bytes
        self._unread = b""
        self._interim = 0
        self._chunked: ChunkedBody | None = None
        self._left: int | None = None

    @property
    def has_begun(self) -> bool:
        """Return whether any byte of the response has arrived."""
        return self._head is not None or bool(self._unread) or bool(self._interim)

    @property
    def response(self) -> Response:
        """Return the response. Raises ValueError before it is complete."""
        if self._head is None:
            raise ValueError("the response isn't complete")
        return Response(self._head.status, self._head.fields, self._body)

    def feed(self, data: bytes) -> bool:
        """Read `data`. Return whether the response is complete. Raises MalformedResponse and ResponseTooLarge."""
        if self._head is not None:
            return self._feed_body(data)
        unread = self._unread + data if self._unread else data
        while True:
            end = unread.find(b"\r\n\r\n")
            if end > MAX_HEAD_BYTES or (end < 0 and len(unread) > MAX_HEAD_BYTES):
                raise MalformedResponse
            if end < 0:
                # What isn't HTTP may never have an empty line.
                if not unread.startswith(_PREFIX[: len(unread)]):
                    raise MalformedResponse
                self._unread = unread
                return False
            head, unread = read_head(unread[:end]), unread[end + 4 :]
            if head.status >= 200:
                return self._begin_body(head, unread)
            self._interim += 1
            # The client asks for no other protocol.
            if head.status == 101 or self._interim > _MAX_INTERIM:
                raise MalformedResponse

    def end(self) -> bool:
        """Return whether the response is complete now that the connection has ended."""
        return self._head is not None and self._chunked is None and self._left is None

    def _begin_body(self, head: ResponseHead, data: bytes) -> bool:
        self._head = head
        if head.is_chunked:
            self._chunked = ChunkedBody()
        else:
            self._left = head.body_bytes
            if self._left is not None and self._left > self._max_body_bytes:
                raise ResponseTooLarge
            if self._left == len(data):
                self._body = data
                self.can_reuse = head.keeps_connection
                return True
        self._body = bytearray()
        return self._feed_body(data)

    def _feed_body(self, data: bytes) -> bool:
        complete, has_surplus = False, False
        if self._chunked is not None:
            data, complete = self._chunked.feed(data)
            has_surplus = self._chunked.surplus
        elif self._left is not None:
            has_surplus = len(data) > self._left
            data = data[: self._left]
            self._left -= len(data)
            complete = self._left == 0
        self._body += data
        if len(self._body) > self._max_body_bytes:
            raise ResponseTooLarge
        # Bytes that no request asked for would be the response to the next one.
        self.can_reuse = complete and not has_surplus and self._head is not None and self._head.keeps_connection
        return complete
