"""manage.py verify_event_log: whether the event log is as it was written."""

import json
import sys
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from events.verification import Break, verify

BROKEN: Final = 2


class Command(BaseCommand):
    """Walks the whole log and names the first event that does not hold."""

    help = "Verify the event log's hash chain: exit 0 where it holds, 2 with the first event that does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["table", "json"], default="table", help="default: table")

    def handle(self, *args: Any, **options: Any) -> None:
        held, broken = 0, None
        for found in verify():
            if isinstance(found, Break):
                broken = found
                break
            held = found
            if self.stderr.isatty():
                self.stderr.write(f"\r{held} events hold", ending="", style_func=str)
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="", style_func=str)
        if options["format"] == "json":
            first = {"id": broken.event_id, "reason": broken.reason} if broken else None
            self.stdout.write(json.dumps({"holds": broken is None, "events": held, "first_break": first}, indent=2))
        elif broken is None:
            self.stdout.write(f"The event log holds: {held} events.")
        else:
            self.stdout.write(f"The event log is broken at event {broken.event_id}: {broken.reason}.")
        if broken is not None:
            sys.exit(BROKEN)
