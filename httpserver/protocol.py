"""HTTP protocol of uvicorn, with limits that uvicorn lacks: header size, header time and pipeline length."""

from typing import Any, Final, cast

from httptools import HttpParserError, HttpParserUpgrade

from httpserver.asgi_types import Fields, Scope
from httpserver.buffer_limit import INCOMPLETE_BODIES
from httpserver.connection import Connection
from httpserver.fast_path import Head
from httpserver.request_target import check_hosts, origin_form

MAX_HEADER_BYTES: Final = 32_768
MAX_PIPELINE: Final = 16
BODY_FIELDS: Final = frozenset((b"content-length", b"transfer-encoding", b"expect"))


class BoundedProtocol(Connection):
    """Protocol that rejects malformed HTTP (400), a header larger than MAX_HEADER_BYTES (431), a header that takes
    longer than `ConnectionTimeouts` allows (408), and more than MAX_PIPELINE pipelined requests (400).

    An offer to upgrade is ignored: the request is answered as plain HTTP.
    """

    headers: Fields
    _hosts: list[bytes]
    # The status to reject with, if the parser stops.
    _error_status = 400
    _messages = 0
    _in_message = False
    _in_header = False
    # Set if a field says that a body follows, which the fast path can't handle.
    _has_body = False
    # Size of the header so far, and bytes that were received since the parser's last callback.
    _header_bytes = 0
    _unparsed_bytes = 0
    # Remaining bytes of the body of a request that offers an upgrade, which the parser doesn't read.
    _body_remaining = 0
    _body_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._ignores_input:
            return
        if self._body_remaining:
            self._feed_body(data)
            return
        if self._timeouts.header_since is None and self._in_progress() is None:
            self._timeouts.header_since = self.loop.time()
        self._timeouts.idle_since = None
        self._unparsed_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._unparsed_bytes > MAX_HEADER_BYTES:
                # The parser buffers these bytes without a callback: they belong to an unfinished header or trailer
                # field, or to a chunk extension. No other check sees them.
                self.reject(431)
        except HttpParserUpgrade as upgrade:
            self._feed_body(data[upgrade.args[0] :])
        except HttpParserError:
            self.reject(self._error_status)

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._hosts = []
        self._has_body = self.expect_100_continue = False
        self._messages += 1
        self._in_message = self._in_header = True
        self._header_bytes = 0
        if self._timeouts.header_since is None:
            self._timeouts.header_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count_header_bytes(len(url))
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a field, as uvicorn does, within the size limit."""
        # Hot path: this runs once per field, so it avoids every call that it doesn't need. 4 bytes for ": " and CRLF.
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > MAX_HEADER_BYTES:
            self._count_header_bytes(0)
        # Otherwise the field is a trailer. Drop it: it must not be mistaken for a field that a proxy in front has
        # checked.
        if self._in_header:
            name = name.lower()
            if name == b"host":
                # The parser leaves whitespace after a value.
                value = value.strip(b" \t")
                self._hosts.append(value)
            elif name in BODY_FIELDS and (name != b"content-length" or value != b"0"):
                self._has_body = True
                self.expect_100_continue |= name == b"expect" and value.lower() == b"100-continue"
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.finish_head()
        self.expect_100_continue &= self.parser.get_http_version() == "1.1"
        upgrade = self.parser.should_upgrade()
        if upgrade and any(name == b"transfer-encoding" for name, _ in self.headers):
            # The parser stops at an upgrade, so nothing here could decode the chunks.
            raise HttpParserError("an upgrade with a chunked body")
        # uvicorn fills in the rest.
        self.scope = cast(Any, self.build_scope(Head("", "", b"", self.headers)))
        if self._has_body:
            self._timeouts.body_since = self.loop.time()
        super().on_headers_complete()
        if upgrade:
            self._prepare_upgrade_body()

    def finish_head(self) -> None:
        """Complete the checks of a head and end its limits.

        Raise HttpParserError if the pipeline is full or if the target host is not unambiguous.
        """
        check_hosts(self.parser.get_http_version(), self._hosts)
        if not self.url.startswith(b"/") and b"://" in self.url:
            self.url, self.headers = origin_form(self.url, self.headers)
        self._in_header = False
        self._timeouts.header_since = None
        self._unparsed_bytes = 0
        if len(self.pipeline) >= MAX_PIPELINE:
            raise HttpParserError("too many pipelined requests")

    def build_scope(self, head: Head) -> Scope:
        """Return the request's ASGI scope, as uvicorn builds it."""
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": list(head.fields),
            "state": self.app_state.copy(),
            "method": head.method,
            "path": head.path,
            "raw_path": head.path.encode(),
            "query_string": head.query,
        }

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        self._body_bytes += len(body)
        INCOMPLETE_BODIES.record(self, self._body_bytes)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = 0
        if not self._body_remaining:
            self._in_message = False
            self._finish_body()
            super().on_message_complete()

    def is_head_request(self) -> bool:
        """Return whether the request that is being read is a HEAD request, as far as its first line has arrived."""
        return self._in_message and bool(self.url) and self.parser.get_method() == b"HEAD"

    def is_between_requests(self) -> bool:
        """Return whether the next byte starts a new request."""
        return not (self._in_message or self._ignores_input or self._body_remaining)

    def is_idle(self) -> bool:
        """Return whether the next byte starts a new request and no request is in progress."""
        running = self._running
        return (running is None or running.response_complete) and self.is_between_requests()

    def skip_parser(self) -> None:
        """Record a complete request without a body that bypasses the parser."""
        self._timeouts.header_since = None
        self._unparsed_bytes = 0

    def _prepare_upgrade_body(self) -> None:
        """Prepare to read the body of a request that offers an upgrade. The connection ends after it."""
        # The parser stops at the offer and leaves the body to us. It can't continue, so this is the last request.
        self._body_remaining = int(dict(self.headers).get(b"content-length", 0))
        self.cycle.keep_alive = False

    def _feed_body(self, data: bytes) -> None:
        if not self._body_remaining:
            return
        part = data[: self._body_remaining]
        self._body_remaining -= len(part)
        self.on_body(part)
        if not self._body_remaining:
            self._finish_body()
            super().on_message_complete()
            # Ignore everything after the body: no parser is left to read it.
            self._ignores_input = True

    def _finish_body(self) -> None:
        self._timeouts.body_since = None
        if self._body_bytes:
            self._body_bytes = 0
            INCOMPLETE_BODIES.forget(self)

    def _count_header_bytes(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            self._error_status = 431
            raise HttpParserError("header too large")
