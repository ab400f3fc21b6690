"""`manage.py steward`: runs the background worker."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apikeys.peppers import configured_peppers
from events.lock_timeout import serve_with_bounds
from events.threads import WorkThreads
from events.webhooks.delivery import DEADLINE_SECONDS
from events.webhooks.dispatcher import Dispatcher
from health.node.monitor import watch_over
from health.scheduler.heartbeat import default_heartbeat
from health.scheduler.steward import INTERVAL_SECONDS, Steward
from health.scheduler.tasks import tasks
from ratelimit.checks import SETTINGS
from ratelimit.limiter import default_limiter

# What is sent under the lease ends before the lease can expire and another steward sends the same.
SENDING_LEASE_SECONDS: Final = DEADLINE_SECONDS + 5
WATCH_ENDS_SECONDS: Final = 3.0


class Command(BaseCommand):
    """Run the steward until it receives SIGTERM or SIGINT."""

    requires_system_checks = [SETTINGS]
    help = (
        "Write usage, evaluate guard rails, deliver webhooks and prune events, repeatedly. Any number can run: a lease "
        "in the database lets only one work. Each also maintains its own node."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="do one run and exit")
        how.add_argument("--node-only", action="store_true", help="only maintain this node: a steward works elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["node_only"]:
            with _watch():
                asyncio.run(_until_told())
            return
        serve_with_bounds()
        steward = Steward(tasks(default_limiter()), holder=os.environ.get("LATCHKEY_STEWARD", ""))
        dispatcher = Dispatcher(
            configured_peppers(), may_send=lambda: steward.lease_left_seconds() > SENDING_LEASE_SECONDS
        )
        if options["once"]:
            asyncio.run(_once(steward, dispatcher))
            return
        with _watch():
            asyncio.run(_serve(steward, dispatcher))


@contextmanager
def _watch() -> Iterator[None]:
    """Watch the node during the block, on its own thread."""
    # On a thread, neither the watch nor the steward waits for the other.
    stop = Event()
    thread = Thread(
        target=watch_over, args=(default_limiter().store, settings.DATA_DIR, stop), name="node", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # A watch that hangs, for example on a database that is silent, delays the end by a few seconds at most.
        thread.join(WATCH_ENDS_SECONDS)


async def _once(steward: Steward, dispatcher: Dispatcher) -> None:
    threads = WorkThreads("steward", 1)
    if not await threads.run(steward.turn):
        raise CommandError("Nothing was done: another steward holds the lease, or the database is down.", returncode=3)
    await dispatcher.round()
    await threads.run(steward.resign)


async def _serve(steward: Steward, dispatcher: Dispatcher) -> None:
    stop = _told_to_stop()
    threads = WorkThreads("steward", 1)
    async with asyncio.TaskGroup() as together:
        heart = together.create_task(default_heartbeat().keep(steward.went_on_at))
        # The first run takes the lease, without which nothing is delivered.
        await threads.run(steward.turn)
        together.create_task(dispatcher.run(stop))
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), INTERVAL_SECONDS)
            await threads.run(steward.turn)
        heart.cancel()
    await threads.run(steward.resign)


async def _until_told() -> None:
    stop = _told_to_stop()
    async with asyncio.TaskGroup() as together:
        heart = together.create_task(default_heartbeat().keep(monotonic))
        await stop.wait()
        heart.cancel()


def _told_to_stop() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
