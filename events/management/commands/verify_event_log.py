"""manage.py verify_event_log: checks that the event log is as it was written."""

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from events.chain_verification import Break
from events.models import Seal
from events.verification import verify
from latchkey.cli.exit_codes import REFUSED
from latchkey.peppers import parse_peppers


class Command(BaseCommand):
    """Command that verifies the whole log and reports the first invalid event."""

    # The tag of apikeys.checks, which this app must not import.
    requires_system_checks = ["settings"]
    help = (
        "Verify the event log's hash chain. Exit 0 if it is intact; otherwise show the first invalid event and exit 2."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["table", "json"], default="table", help="default: table")

    def handle(self, *args: Any, **options: Any) -> None:
        held, broken = 0, None
        for found in verify(parse_peppers(settings.SECRET_PEPPERS)):
            if isinstance(found, Break):
                held, broken = max(held, found.event_id - 1), found
                break
            held = found.event_id
            if self.stderr.isatty():
                self.stderr.write(f"\r{held} events verified", ending="", style_func=str)
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="", style_func=str)
        last = Seal.objects.order_by("-last_id").first()
        pruned = last.last_id if last else 0
        if options["format"] == "json":
            first = {"id": broken.event_id, "reason": broken.reason} if broken else None
            body = {"holds": broken is None, "events": held, "pruned": pruned, "first_break": first}
            self.stdout.write(json.dumps(body, indent=2))
        elif broken is None:
            self.stdout.write(
                f"The event log is intact: {held} events{f', {pruned} of them pruned' if pruned else ''}."
            )
        else:
            self.stdout.write(f"The event log is broken at event {broken.event_id}: {broken.reason}.")
        if broken is not None:
            sys.exit(REFUSED)
