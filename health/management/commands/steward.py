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
from events.lock_timeout import limit_sqlite_waits
from events.thread_pool import ThreadPool
from events.webhooks.delivery import DEADLINE_SECONDS
from events.webhooks.dispatcher import Dispatcher
from health.scheduler.heartbeat import default_heartbeat
from health.scheduler.node_monitor import monitor_node
from health.scheduler.steward import INTERVAL_SECONDS, Steward
from health.scheduler.tasks import tasks
from latchkey.cli.exit_codes import COULD_NOT
from ratelimit.checks import SETTINGS
from ratelimit.limiter import default_limiter

# What is sent under the lease ends before the lease can expire and another steward sends the same.
SENDING_LEASE_SECONDS: Final = DEADLINE_SECONDS + 5
MONITOR_STOP_SECONDS: Final = 3.0


class Command(BaseCommand):
    """Run the steward until it receives SIGTERM or SIGINT."""

    requires_system_checks = [SETTINGS]
    help = (
        "Write usage, evaluate guard rails, deliver webhooks and prune, every few seconds. Any number may run: a lease "
        "in the database lets one of them work. Each also monitors its own node."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--once", action="store_true", help="do one run and exit")
        how.add_argument("--node-only", action="store_true", help="only monitor this node: a steward works elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["node_only"]:
            with _monitored_node():
                asyncio.run(_until_stopped())
            return
        limit_sqlite_waits()
        steward = Steward(tasks(default_limiter()), holder=os.environ.get("LATCHKEY_STEWARD", ""))
        dispatcher = Dispatcher(
            configured_peppers(), may_send=lambda: steward.lease_left_seconds() > SENDING_LEASE_SECONDS
        )
        if options["once"]:
            asyncio.run(_once(steward, dispatcher))
            return
        with _monitored_node():
            asyncio.run(_serve(steward, dispatcher))


@contextmanager
def _monitored_node() -> Iterator[None]:
    """Monitor the node during the block, on its own thread."""
    # On a thread, neither the monitor nor the steward waits for the other.
    stop = Event()
    thread = Thread(
        target=monitor_node, args=(default_limiter().store, settings.DATA_DIR, stop), name="node", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # A monitor that hangs, for example on a database that is silent, delays the end by a few seconds at most.
        thread.join(MONITOR_STOP_SECONDS)


async def _once(steward: Steward, dispatcher: Dispatcher) -> None:
    threads = ThreadPool("steward", 1)
    if not await threads.run(steward.run_once):
        raise CommandError(
            "Nothing was done: another steward holds the lease, or the database is down.", returncode=COULD_NOT
        )
    await dispatcher.run_once()
    await threads.run(steward.resign)


async def _serve(steward: Steward, dispatcher: Dispatcher) -> None:
    stop = _stop_event()
    threads = ThreadPool("steward", 1)
    async with asyncio.TaskGroup() as together:
        heart = together.create_task(default_heartbeat().beat_forever(steward.last_progress_at))
        # The first run takes the lease, without which nothing is delivered.
        await threads.run(steward.run_once)
        together.create_task(dispatcher.run(stop))
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), INTERVAL_SECONDS)
            await threads.run(steward.run_once)
        heart.cancel()
    await threads.run(steward.resign)


async def _until_stopped() -> None:
    stop = _stop_event()
    async with asyncio.TaskGroup() as together:
        heart = together.create_task(default_heartbeat().beat_forever(monotonic))
        await stop.wait()
        heart.cancel()


def _stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
