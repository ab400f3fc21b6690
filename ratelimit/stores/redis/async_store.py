"""Decisions on an event loop: one call of the script for all requests of an iteration, without blocking other work."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from redis.exceptions import NoScriptError

from ratelimit.bucket import TakeRequest
from ratelimit.claim import NO_POLICY
from ratelimit.stores.base import BucketStoreUnavailable, OutcomeUnknown, TakeResult
from ratelimit.stores.call_sequence import CallSequence, ScriptCall
from ratelimit.stores.redis import layout
from ratelimit.stores.redis.clients import CONNECT_SECONDS, Commands, as_store_error, open_async_commands
from ratelimit.stores.redis.key_names import EncodedRequest, Shift
from ratelimit.stores.redis.layout import LimitChanged
from ratelimit.stores.redis.scripts import SHIFT, TAKE, Script
from ratelimit.stores.redis.store import RedisStore

_WAIT_STEPS: Final = 5
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
        self._sequence: CallSequence | None = None

    async def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> list[TakeResult | None]:
        """Decide several requests, and return their outcomes in the same order.

        An outcome is None if the limit of a bucket has changed, so that `RedisStore.take` has to convert it.
        """
        results = await self.take_with_grants([(one, layout.encode_request(one)) for one in requests], policy)
        return [taken for taken, _ in results]

    async def take_with_grants(
        self, requests: Sequence[EncodedRequest], policy: int = NO_POLICY
    ) -> list[tuple[TakeResult | None, bool]]:
        """Decide several requests like `take_many`, and return with each outcome whether it got all tokens that it
        asked for ahead of its cost.
        """
        now, keys = self._store.time_argument(), self._store.keys
        groups = list(keys.group_by_call(requests))
        decidable = [group for group in groups if not self._store.unsupported(group)]
        calls: list[ScriptCall] = []

        def take(group: Sequence[EncodedRequest]) -> tuple[Script, list[bytes], list[bytes]]:
            if (call := self._next_call()) is not None:
                calls.append(call)
            return TAKE, *keys.take_arguments(group, now, call, policy)

        try:
            responses = await self._run_all([partial(take, group) for group in decidable]) if decidable else []
        except OutcomeUnknown as error:
            error.call = calls[-1] if calls else None
            raise
        try:
            if self._sequence is not None and calls:
                self._sequence.record_server_time(calls[-1], layout.parse_server_ns(responses[-1]))
            parsed = _parse_responses(decidable, responses)
        # The server sent a response that Redis with our script never sends.
        except Exception as error:
            raise as_store_error(self._store.address, error) from error
        if len(decidable) == len(groups):
            return [result for results in parsed for result in results]
        # Only with Cluster, whose groups are single requests.
        rest = iter(parsed)
        results: list[tuple[TakeResult | None, bool]] = []
        for group in groups:
            unsupported = self._store.unsupported(group)
            results += [(error, False) for error in unsupported] if unsupported else next(rest)
        return results

    async def shift(self, shifts: Sequence[Shift]) -> None:
        """Give tokens back and count requests, as described by each of `shifts`."""
        now = self._store.time_argument()
        groups = self._store.keys.group_by_call(shifts)
        await self._run_all([partial(self._shift, group, now) for group in groups])

    def _shift(self, shifts: Sequence[Shift], now: bytes) -> tuple[Script, list[bytes], list[bytes]]:
        return SHIFT, *self._store.keys.shift_arguments(shifts, now)

    async def close(self) -> None:
        """Close the connections. Call this when the event loop ends."""
        connecting, self._commands, self._sequence = self._commands, None, None
        if connecting is None:
            return
        connecting.cancel()
        if connecting.done() and not connecting.cancelled() and connecting.exception() is None:
            await connecting.result().close()

    def _next_call(self) -> ScriptCall | None:
        if self._sequence is None:
            self._sequence = self._store.new_sequence()
        return None if self._sequence is None else self._sequence.next_call()

    async def _run_all(self, script_calls: Sequence[_Command]) -> list[Any]:
        """Run all commands, and return their responses in order.

        Raises OutcomeUnknown if they were sent and no response came in time, and another BucketStoreError
        otherwise.
        """
        tasks: list[asyncio.Future[Any]] = []
        try:
            commands = await self._open_commands()
            tasks = [asyncio.ensure_future(_execute(commands, command)) for command in script_calls]
            # Wait for the time-out in parts. If the event loop itself was blocked for long, that uses up one part
            # only, and responses that arrived in the meantime are still read.
            for _ in range(_WAIT_STEPS):
                _, pending = await asyncio.wait(tasks, timeout=self._store.timeout / _WAIT_STEPS)
                if not pending:
                    return [task.result() for task in tasks]
            raise TimeoutError("no response in time")
        except Exception as error:
            await self._drop_connection()
            store_error = as_store_error(self._store.address, error)
            if tasks and isinstance(store_error, BucketStoreUnavailable):
                raise OutcomeUnknown(str(store_error)) from error
            raise store_error from error
        finally:
            for task in tasks:
                task.add_done_callback(_retrieve_exception)
                task.cancel()

    async def _open_commands(self) -> Commands:
        """Return the connection, and open it if there is none. Raises TimeoutError."""
        if self._commands is None:
            self._commands = asyncio.ensure_future(open_async_commands(self._store.address, self._store.timeout))
            self._commands.add_done_callback(_retrieve_exception)
        connecting = self._commands
        if not connecting.done():
            # Opening takes longer than a response. If even this wait is too short, the connection is completed in
            # the background for later calls.
            await asyncio.wait([connecting], timeout=max(self._store.timeout, CONNECT_SECONDS))
        if not connecting.done():
            raise TimeoutError("no connection in time")
        return connecting.result()

    async def _drop_connection(self) -> None:
        """Close the connection so that the next call opens a new one, unless it is still being opened."""
        if self._commands is not None and self._commands.done():
            await self.close()


async def _execute(commands: Commands, command: _Command) -> Any:
    async with commands.concurrency_limit:
        try:
            script, names, arguments = command()
            return await commands.execute("EVALSHA", script.sha, len(names), *names, *arguments)
        except NoScriptError:
            # This needs a new call: calls that were sent in the meantime have higher numbers.
            script, names, arguments = command()
            return await commands.execute("EVAL", script.text, len(names), *names, *arguments)


def _retrieve_exception(task: asyncio.Future[Any]) -> None:
    """Mark the exception of a task as retrieved."""
    # Only the first failure is reported. Without this, asyncio would log the others as never retrieved.
    if not task.cancelled():
        task.exception()


def _parse_responses(
    groups: Sequence[Sequence[EncodedRequest]], responses: Sequence[Any]
) -> list[list[tuple[TakeResult | None, bool]]]:
    """Return for each group of requests its results, and whether each got all tokens that it asked for."""
    results = []
    for group, numbers in zip(groups, responses, strict=True):
        taken = layout.parse_outcomes([one for one, _ in group], numbers)
        converted = [None if isinstance(one, LimitChanged) else one for one in taken]
        results.append(list(zip(converted, layout.parse_grants(len(group), numbers), strict=True)))
    return results
