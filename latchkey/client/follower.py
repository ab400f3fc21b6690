"""Follower of the live stream: continues after the stream was cut."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from latchkey.client.document import Document
from latchkey.client.event import Event
from latchkey.client.failures import ClientError, NoResponse, NotJSON, ReceivedProblem, WrongServer
from latchkey.client.response import media_type
from latchkey.client.server_sent_events import EventTooLarge, ServerSentEvent, parse_events
from latchkey.client.transport import Transport

STREAM: Final = "text/event-stream"
READ_TIMEOUT_SECONDS: Final = 40.0
"""A connection without data for this long is dead: the server sends something every 15 seconds."""

_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 15.0


class Follower:
    """Reader of the live stream, which it opens again after the last event that was seen.

    `patience_seconds` is how long it may be without a connection. `opened` is called with the ID after which the
    stream began.
    """

    def __init__(
        self,
        transport: Transport,
        params: Mapping[str, str],
        after: int | None,
        patience_seconds: float,
        opened: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._params = params
        self._last = after
        self._patience_seconds = patience_seconds
        self._opened = opened
        self._connected_at: float | None = None
        self._failures = 0

    def events(self) -> Iterator[Event]:
        """Yield events without end. Raises ClientError."""
        while True:
            try:
                yield from self._stream()
                self._failures = 0
            except ClientError as failure:
                if not self._should_reconnect(failure):
                    raise
                self._failures += 1
                self._transport.sleep(self._pause(failure))
            else:
                self._transport.sleep(_PAUSE_SECONDS)

    def _stream(self) -> Iterator[Event]:
        """Yield the events of one connection, until it's cut or ends."""
        header_fields = {"Accept": STREAM} | ({"Last-Event-ID": str(self._last)} if self._last is not None else {})
        opened = self._transport.stream(
            "/v1/events", params=self._params, header_fields=header_fields, read_timeout_seconds=READ_TIMEOUT_SECONDS
        )
        with opened as response:
            if media_type(response.headers.get("Content-Type")) != STREAM:
                raise WrongServer("The response is not a stream of events.")
            self._connected_at = time.monotonic()
            self._failures = 0
            try:
                for message in parse_events(response.iter_bytes()):
                    yield from self._unseen_event(message)
            except EventTooLarge:
                raise WrongServer("The stream has an event that is too long.") from None
            finally:
                # `patience_seconds` counts from the end of the last connection, not from its beginning.
                self._connected_at = time.monotonic()

    def _unseen_event(self, message: ServerSentEvent) -> Iterator[Event]:
        """Yield the message's event, unless it was seen before."""
        if message.data is None:
            self._record_start(message.id)
            return
        try:
            event = Event.read(Document(json.loads(message.data), "event"))
        except (ValueError, RecursionError):
            raise WrongServer("The stream has an event that is not JSON.") from None
        # A proxy may send again what it already sent.
        if self._last is None or event.id > self._last:
            self._last = event.id
            yield event

    def _record_start(self, event_id: str) -> None:
        """Remember where the stream began, so that a cut before its first event loses none."""
        if self._last is None and event_id.isascii() and event_id.isdigit() and len(event_id) < 20:
            self._last = int(event_id)
            self._opened(self._last)

    def _should_reconnect(self, failure: ClientError) -> bool:
        """Return whether to try again."""
        # Only after it has worked once, only for what a restart of the server may cause, and not if the server
        # asks for a pause that ends after `patience_seconds`.
        retry_after = failure.retry_after_seconds if isinstance(failure, ReceivedProblem) else None
        if (
            self._connected_at is None
            or time.monotonic() - self._connected_at + (retry_after or 0) > self._patience_seconds
        ):
            return False
        if isinstance(failure, ReceivedProblem):
            return failure.status in (429, 500, 502, 503, 504)
        return isinstance(failure, (NoResponse, NotJSON))

    def _pause(self, failure: ClientError) -> float:
        retry_after = failure.retry_after_seconds if isinstance(failure, ReceivedProblem) else None
        return float(retry_after or min(_PAUSE_SECONDS * 2 ** (self._failures - 1), _LONGEST_PAUSE_SECONDS))
