"""manage.py steward: the work that time drives."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from health.steward import INTERVAL_SECONDS, Steward
from ratelimit.limiter import default_limiter


class Command(BaseCommand):
    """Runs the steward until it is told to stop."""

    help = "Write use down, time and again. Any number may run: a lease in the database lets one work."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do one turn and end")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        steward = Steward(default_limiter())
        steward.turn()
        while not options["once"] and not stop.wait(INTERVAL_SECONDS):
            close_old_connections()  # one that broke is opened anew
            steward.turn()
        if not options["once"]:
            steward.turn()  # what was used since the last turn is not left lying
        steward.resign()
