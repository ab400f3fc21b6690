"""One open stream: what is sent to its client, and when it ends."""

import asyncio
from functools import partial
from typing import Final

import structlog
from django.db import DatabaseError

from apikeys.standing import Standing
from controlplane.server.asgi_types import Send
from events.stream.frames import HEARTBEAT, OPENING, Frame
from events.stream.stream import EventStream
from events.threads import WorkThreads
from latchkey.problems import ProblemError
from ratelimit.stores import BucketStoreError

HEARTBEAT_SECONDS: Final = 15.0
CONFIRM_SECONDS: Final = 15.0
MAX_SEND_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class SlowReader(Exception):
    """The client took nothing for MAX_SEND_SECONDS."""


class EventSession:
    """Sends a stream's events, a heartbeat after HEARTBEAT_SECONDS of silence, and confirms the caller's standing every
    CONFIRM_SECONDS, and before anything is sent after an event about the caller's own key.

    `sent` counts events; `refusal` is why the caller may no longer follow.
    """

    def __init__(
        self,
        stream: EventStream,
        standing: Standing,
        send: Send,
        threads: WorkThreads,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        confirm_seconds: float = CONFIRM_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        max_send_seconds: float = MAX_SEND_SECONDS,
    ) -> None:
        self._stream = stream
        self._standing = standing
        self._raw_send = send
        self._threads = threads
        self._heartbeat_seconds = heartbeat_seconds
        self._confirm_seconds = confirm_seconds
        self._retry_seconds = retry_seconds
        self._max_send_seconds = max_send_seconds
        self._now = asyncio.get_running_loop().time
        self._sent_at = self._now()
        self._confirmed_at = self._now()
        self._delayed = False
        self.sent = 0
        self.refusal: ProblemError | None = None

    async def run(self) -> None:
        """Returns when the stream has ended or its caller may no longer follow. Raises SlowReader."""
        await self._send(OPENING)
        while not self._stream.ended:
            frames = await self._batch()
            if not await self._confirmed():
                break
            if frames:
                await self._send(b"".join(frame.encoded for frame in frames))
            self.sent += len(frames)
            await self._beat_if_silent()
        await self._send(b"", more=False)

    async def _batch(self) -> list[Frame]:
        due = min(self._sent_at + self._heartbeat_seconds, self._confirmed_at + self._confirm_seconds)
        try:
            return await self._stream.batch(max(0.0, due - self._now()))
        except DatabaseError as error:
            await self._wait_out(error)
            return []

    async def _confirmed(self) -> bool:
        """Whether the caller may still follow. While nobody can tell, nothing is sent but heartbeats."""
        while self._stream.touched or self._now() >= self._confirmed_at + self._confirm_seconds:
            if self._stream.ended:
                return False
            try:
                await self._threads.run(partial(self._standing.confirm, anew=self._stream.touched))
            except ProblemError as refusal:
                self.refusal = refusal
                return False
            except (DatabaseError, BucketStoreError) as error:
                await self._wait_out(error)
            else:
                self._stream.touched = self._delayed = False
                self._confirmed_at = self._now()
        return True

    async def _wait_out(self, error: Exception) -> None:
        """Until the next try. Each stream says once that it waits: a thousand wait together."""
        if not self._delayed:
            log.warning("event_stream_delayed", error=type(error).__name__)
        self._delayed = True
        await self._beat_if_silent()
        await self._stream.rest(self._retry_seconds)

    async def _beat_if_silent(self) -> None:
        if self._now() >= self._sent_at + self._heartbeat_seconds:
            await self._send(HEARTBEAT)

    async def _send(self, body: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(self._max_send_seconds):
                await self._raw_send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise SlowReader from None
        self._sent_at = self._now()
