"""Decisions on an event loop: one call of the script for all requests of an iteration, without blocking other work."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from redis.exceptions import NoScriptError

from ratelimit.bucket import TakeRequest
from ratelimit.stores.base import BucketStoreAway, OutcomeUnknown, Taken
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.call_sequence import Line, Run
from ratelimit.stores.redis.clients import CONNECT_SECONDS, Commands, commands_on_loop, failure
from ratelimit.stores.redis.keys import Question, Shift
from ratelimit.stores.redis.layout import SHIFT, TAKE, OtherLimit, Script
from ratelimit.stores.redis.store import RedisStore

_PARTS: Final = 5
_Command = Callable[[], tuple[Script, Sequence[bytes], Sequence[bytes]]]
"""Returns a script, the names of its keys and its arguments, at the moment at which they are sent."""


class AsyncRedisStore:
    """Access of one event loop to the same buckets as `store`.

    Only one event loop may use it. Every method raises BucketStoreError, also if a response takes longer than the
    store's time-out.
    """

    lease_seconds: Final = 0.0

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._commands: asyncio.Task[Commands] | None = None
        self._line: Line | None = None

    async def take_many(self, asked: Sequence[TakeRequest]) -> list[Taken | None]:
        """Decide several requests, and return their outcomes in the same order.

        An outcome is None if the limit of the bucket has changed, so that `RedisStore.take` has to convert it.
        """
        answers = await self.ask([(one, layout.request_argument(one)) for one in asked])
        return [taken for taken, _ in answers]

    async def ask(self, questions: Sequence[Question]) -> list[tuple[Taken | None, bool]]:
        """Decide several requests like `take_many`, and return with each outcome whether it got all tokens that it
        asked for ahead of its cost.
        """
        now, keys = self._store.time_argument(), self._store.keys
        groups = list(keys.together(questions))
        sent: list[Run] = []

        def take(group: Sequence[Question]) -> tuple[Script, list[bytes], list[bytes]]:
            if (run := self._next_run()) is not None:
                sent.append(run)
            return TAKE, *keys.take_arguments(group, now, run)

        try:
            told = await self._together([partial(take, group) for group in groups])
        except OutcomeUnknown as error:
            error.run = sent[-1] if sent else None
            raise
        try:
            if self._line is not None and sent:
                self._line.note_server_time(sent[-1], layout.server_ns(told[-1]))
            return _read(groups, told)
        # The server sent a response that Redis with our script never sends.
        except Exception as error:
            raise failure(self._store.address, error) from error

    async def shift(self, shifts: Sequence[Shift]) -> None:
        """Give tokens back and count requests, as described by each of `shifts`."""
        now = self._store.time_argument()
        groups = self._store.keys.together(shifts)
        await self._together([partial(self._shift, group, now) for group in groups])

    def _shift(self, shifts: Sequence[Shift], now: bytes) -> tuple[Script, list[bytes], list[bytes]]:
        return SHIFT, *self._store.keys.shift_arguments(shifts, now)

    async def leave(self) -> None:
        """Close the connections. Call this when the event loop ends."""
        connecting, self._commands, self._line = self._commands, None, None
        if connecting is None:
            return
        connecting.cancel()
        if connecting.done() and not connecting.cancelled() and connecting.exception() is None:
            await connecting.result().close()

    def _next_run(self) -> Run | None:
        if self._line is None:
            self._line = self._store.new_line()
        return None if self._line is None else self._line.next_run()

    async def _together(self, several: Sequence[_Command]) -> list[Any]:
        """Run all commands, and return their responses in order.

        Raises OutcomeUnknown if they were sent and no response came in time, and another BucketStoreError
        otherwise.
        """
        tasks: list[asyncio.Future[Any]] = []
        try:
            commands = await self._connected()
            tasks = [asyncio.ensure_future(_run(commands, command)) for command in several]
            # Wait for the time-out in parts. If the event loop itself was blocked for long, that uses up one part
            # only, and responses that arrived in the meantime are still read.
            for _ in range(_PARTS):
                _, pending = await asyncio.wait(tasks, timeout=self._store.timeout / _PARTS)
                if not pending:
                    return [task.result() for task in tasks]
            raise TimeoutError("no response in time")
        except Exception as error:
            await self._give_up()
            failed = failure(self._store.address, error)
            if tasks and isinstance(failed, BucketStoreAway):
                raise OutcomeUnknown(str(failed)) from error
            raise failed from error
        finally:
            for task in tasks:
                task.add_done_callback(_heard)
                task.cancel()

    async def _connected(self) -> Commands:
        """Return the connection, and open it if there is none. Raises TimeoutError."""
        if self._commands is None:
            self._commands = asyncio.ensure_future(commands_on_loop(self._store.address, self._store.timeout))
            self._commands.add_done_callback(_heard)
        connecting = self._commands
        if not connecting.done():
            # Opening takes longer than a response. If even this wait is too short, the connection is completed in
            # the background for later calls.
            await asyncio.wait([connecting], timeout=max(self._store.timeout, CONNECT_SECONDS))
        if not connecting.done():
            raise TimeoutError("no connection in time")
        return connecting.result()

    async def _give_up(self) -> None:
        """Close the connection so that the next call opens a new one, unless it is still being opened."""
        if self._commands is not None and self._commands.done():
            await self.leave()


async def _run(commands: Commands, command: _Command) -> Any:
    async with commands.at_once:
        try:
            script, names, arguments = command()
            return await commands.ask("EVALSHA", script.sha, len(names), *names, *arguments)
        except NoScriptError:
            # This needs a new run: runs that were sent in the meantime have higher numbers.
            script, names, arguments = command()
            return await commands.ask("EVAL", script.text, len(names), *names, *arguments)


def _heard(task: asyncio.Future[Any]) -> None:
    """Mark the exception of a task as retrieved."""
    # Only the first failure is reported. Without this, asyncio would log the others as never retrieved.
    if not task.cancelled():
        task.exception()


def _read(groups: Sequence[Sequence[Question]], told: Sequence[Any]) -> list[tuple[Taken | None, bool]]:
    answers: list[tuple[Taken | None, bool]] = []
    for group, numbers in zip(groups, told, strict=True):
        taken = layout.outcomes_of([one for one, _ in group], numbers)
        settled = [None if isinstance(one, OtherLimit) else one for one in taken]
        answers += zip(settled, layout.granted(numbers), strict=True)
    return answers
