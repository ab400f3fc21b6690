"""manage.py steward: the work that time drives."""

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apikeys.peppers import configured_peppers
from events.threads import WorkThreads
from events.webhooks.delivery import DEADLINE_SECONDS
from events.webhooks.dispatcher import Dispatcher
from health.steward import INTERVAL_SECONDS, Steward
from health.tasks import tasks
from ratelimit.limiter import default_limiter

# What is sent under the lease has ended before the lease can lapse and another steward sends the same.
SENDING_LEASE_SECONDS: Final = DEADLINE_SECONDS + 5


class Command(BaseCommand):
    """Runs the steward until it is told to stop."""

    help = (
        "Write use down, judge guard rails, deliver webhooks and prune, time and again. Any number may run: a lease in "
        "the database lets one work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do one turn and end")

    def handle(self, *args: Any, **options: Any) -> None:
        steward = Steward(tasks(default_limiter()), holder=os.environ.get("LATCHKEY_STEWARD", ""))
        dispatcher = Dispatcher(
            configured_peppers(), may_send=lambda: steward.lease_left_seconds() > SENDING_LEASE_SECONDS
        )
        asyncio.run(_once(steward, dispatcher) if options["once"] else _serve(steward, dispatcher))


async def _once(steward: Steward, dispatcher: Dispatcher) -> None:
    threads = WorkThreads("steward", 1)
    if not await threads.run(steward.turn):
        raise CommandError("Nothing was done: another steward holds the lease, or the database is away.", returncode=3)
    await dispatcher.round()
    await threads.run(steward.resign)


async def _serve(steward: Steward, dispatcher: Dispatcher) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    threads = WorkThreads("steward", 1)
    await threads.run(steward.turn)  # takes the lease, without which nothing is delivered
    async with asyncio.TaskGroup() as together:
        together.create_task(dispatcher.run(stop))
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), INTERVAL_SECONDS)
            await threads.run(steward.turn)
    await threads.run(steward.resign)
