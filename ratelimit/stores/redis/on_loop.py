"""Decisions for an event loop: one run of the script for all that a turn asks, and nothing else waits for it."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from redis.exceptions import NoScriptError

from ratelimit.bucket import Asked
from ratelimit.stores.base import BucketStoreAway, OutcomeUnknown, Taken
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.clients import CONNECT_SECONDS, Commands, commands_on_loop, failure
from ratelimit.stores.redis.keys import Question, Shift
from ratelimit.stores.redis.layout import SHIFT, TAKE, OtherLimit, Script
from ratelimit.stores.redis.line import Line, Run
from ratelimit.stores.redis.store import RedisStore

_PARTS: Final = 5
_Command = Callable[[], tuple[Script, Sequence[bytes], Sequence[bytes]]]
"""Makes a script, the names of its keys, and its arguments, in the moment in which they are sent."""


class OnLoop:
    """The loop's way to the same buckets as `store`. One event loop may use it. Every method raises BucketStoreError,
    also where an answer takes longer than the store's time-out.
    """

    lease_seconds: Final = 0.0

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._commands: asyncio.Task[Commands] | None = None
        self._line: Line | None = None

    async def take_many(self, asked: Sequence[Asked]) -> list[Taken | None]:
        """What became of each, in the same order; None where the bucket's limit has changed, and `RedisStore.take`
        has to convert it.
        """
        answers = await self.ask([(one, layout.request_argument(one)) for one in asked])
        return [taken for taken, _ in answers]

    async def ask(self, questions: Sequence[Question]) -> list[tuple[Taken | None, bool]]:
        """As `take_many`, and of each whether it got what it wished beyond its cost."""
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
                self._line.heard(sent[-1], layout.server_ns(told[-1]))
            return _read(groups, told)
        except Exception as error:  # an answer of a server that is not what it seems
            raise failure(self._store.address, error) from error

    async def shift(self, shifts: Sequence[Shift]) -> None:
        """Gives tokens back and counts requests, as each of `shifts` says."""
        now = self._store.time_argument()
        groups = self._store.keys.together(shifts)
        await self._together([partial(self._shift, group, now) for group in groups])

    def _shift(self, shifts: Sequence[Shift], now: bytes) -> tuple[Script, list[bytes], list[bytes]]:
        return SHIFT, *self._store.keys.shift_arguments(shifts, now)

    async def leave(self) -> None:
        """Closes the connections: the loop ends."""
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
        """What all commands return. The time-out is waited for in parts: where the loop itself was held up for long,
        that is one of them, as the answers may be there all the same.
        """
        tasks: list[asyncio.Future[Any]] = []
        try:
            commands = await self._connected()
            tasks = [asyncio.ensure_future(_run(commands, command)) for command in several]
            for _ in range(_PARTS):
                _, pending = await asyncio.wait(tasks, timeout=self._store.timeout / _PARTS)
                if not pending:
                    return [task.result() for task in tasks]
            raise TimeoutError("no answer in time")
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
        """The connection, made by whoever comes first. It has longer than an answer, and where that is not enough, it
        goes on for those who come later.
        """
        if self._commands is None:
            self._commands = asyncio.ensure_future(commands_on_loop(self._store.address, self._store.timeout))
            self._commands.add_done_callback(_heard)
        connecting = self._commands
        if not connecting.done():
            await asyncio.wait([connecting], timeout=max(self._store.timeout, CONNECT_SECONDS))
        if not connecting.done():
            raise TimeoutError("no connection in time")
        return connecting.result()

    async def _give_up(self) -> None:
        """The connection is made anew, unless it is still being made."""
        if self._commands is not None and self._commands.done():
            await self.leave()


async def _run(commands: Commands, command: _Command) -> Any:
    async with commands.at_once:
        try:
            script, names, arguments = command()
            return await commands.ask("EVALSHA", script.sha, len(names), *names, *arguments)
        except NoScriptError:
            # It is a new run: those that were sent meanwhile have higher numbers.
            script, names, arguments = command()
            return await commands.ask("EVAL", script.text, len(names), *names, *arguments)


def _heard(task: asyncio.Future[Any]) -> None:
    """Nobody else asks how a run ended behind the first that failed."""
    if not task.cancelled():
        task.exception()


def _read(groups: Sequence[Sequence[Question]], told: Sequence[Any]) -> list[tuple[Taken | None, bool]]:
    answers: list[tuple[Taken | None, bool]] = []
    for group, numbers in zip(groups, told, strict=True):
        taken = layout.outcomes_of([one for one, _ in group], numbers)
        settled = [None if isinstance(one, OtherLimit) else one for one in taken]
        answers += zip(settled, layout.granted(numbers), strict=True)
    return answers
