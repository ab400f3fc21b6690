"""Session of one open stream: what is sent to its client, and when it ends."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from django.db import Error

from api.reauthorization import SessionAuthorization
from events.stream.frames import HEARTBEAT, OPENING, Frame, encode_position
from events.stream.stream import EventStream
from events.thread_pool import ThreadPool
from httpserver.asgi_types import Send
from latchkey.problems import ProblemError
from ratelimit.stores import BucketStoreError

HEARTBEAT_SECONDS: Final = 15.0
REAUTHORIZE_SECONDS: Final = 15.0
MAX_SEND_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 1.0

# Raised if the database or the bucket store does not answer. The session waits and tries again.
UNAVAILABLE: Final = (Error, BucketStoreError, TimeoutError)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class SlowReader(Exception):
    """The client has read nothing for MAX_SEND_SECONDS."""


class EventSession:
    """Sender of a stream's events, with a heartbeat after HEARTBEAT_SECONDS of silence.

    It re-authorizes the caller every REAUTHORIZE_SECONDS, and after an event about the caller's own key before it
    sends anything else. `sent` counts events. `denial` is the reason why the caller was cut off, if it was.
    """

    def __init__(
        self,
        stream: EventStream,
        authorization: SessionAuthorization,
        send: Send,
        threads: ThreadPool,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        reauthorize_seconds: float = REAUTHORIZE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        max_send_seconds: float = MAX_SEND_SECONDS,
    ) -> None:
        self._stream = stream
        self._authorization = authorization
        self._raw_send = send
        self._threads = threads
        self._heartbeat_seconds = heartbeat_seconds
        self._reauthorize_seconds = reauthorize_seconds
        self._retry_seconds = retry_seconds
        self._max_send_seconds = max_send_seconds
        self._now = asyncio.get_running_loop().time
        self._sent_at = self._now()
        self._authorized_at = self._now()
        self._delayed = False
        self.sent = 0
        self.denial: ProblemError | None = None

    async def run(self) -> None:
        """Send until the stream ends or the caller loses its authorization. Raise SlowReader."""
        await self._send(OPENING + encode_position(self._stream.resume_id))
        while not self._stream.ended:
            frames = await self._batch()
            if not await self._is_authorized():
                break
            if frames:
                await self._send(b"".join(frame.encoded for frame in frames))
            self.sent += len(frames)
            await self._send_heartbeat_if_due()
        await self._send(b"", more=False)

    async def _batch(self) -> list[Frame]:
        due = min(self._sent_at + self._heartbeat_seconds, self._authorized_at + self._reauthorize_seconds)
        try:
            return await self._with_heartbeats(self._stream.next_batch(max(0.0, due - self._now()))) or []
        except UNAVAILABLE as error:
            await self._wait_for_retry(error)
            return []

    async def _is_authorized(self) -> bool:
        """Return whether the caller is still authorized. While that is unknown, send heartbeats only."""
        while self._stream.key_changed or self._now() >= self._authorized_at + self._reauthorize_seconds:
            if self._stream.ended:
                return False
            # Race condition: another event about the key may arrive while `reauthorize` runs. Reset the flag before,
            # so that the event sets it again.
            refresh, self._stream.key_changed = self._stream.key_changed, False
            try:
                await self._with_heartbeats(
                    self._threads.run(partial(self._authorization.reauthorize, refresh=refresh))
                )
            except ProblemError as error:
                self.denial = error
                return False
            except UNAVAILABLE as error:
                self._stream.key_changed |= refresh
                await self._wait_for_retry(error)
            else:
                self._delayed = False
                self._authorized_at = self._now()
        return not self._stream.ended

    async def _with_heartbeats(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return or raise the result of `work`, sending heartbeats meanwhile. Return None if the stream ends first."""
        task = asyncio.create_task(work)
        first: set[asyncio.Future[Any]] = {task, self._stream.finished}
        try:
            while not (task.done() or self._stream.ended):
                silent_for = max(0.0, self._sent_at + self._heartbeat_seconds - self._now())
                await asyncio.wait(first, timeout=silent_for, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    await self._send_heartbeat_if_due()
            return task.result() if task.done() else None
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _wait_for_retry(self, error: Exception) -> None:
        """Wait until the next attempt."""
        # Log once per outage and stream: a thousand streams may wait together.
        if not self._delayed:
            log.warning("event_stream_delayed", error=type(error).__name__)
        self._delayed = True
        await self._send_heartbeat_if_due()
        await self._stream.sleep(self._retry_seconds)

    async def _send_heartbeat_if_due(self) -> None:
        if self._now() >= self._sent_at + self._heartbeat_seconds:
            await self._send(HEARTBEAT)

    async def _send(self, body: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(self._max_send_seconds):
                await self._raw_send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise SlowReader from None
        self._sent_at = self._now()
