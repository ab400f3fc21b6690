"""`manage.py end_waiver`: ends a waiver early."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.key_command import KeyCommand, fields
from health.waivers import Waivers, waiver_json
from latchkey.arguments import whole_number


class Command(KeyCommand):
    """End a waiver, so that its guard rail alerts again immediately."""

    help = "End a waiver early."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("waiver", type=whole_number(), help="the waiver's ID, as check_guard_rails shows it")

    def handle(self, *args: Any, **options: Any) -> None:
        result = waiver_json(Waivers(self.origin()).end(options["waiver"]))
        if options["format"] == "json":
            self.show(result, options, [])
        else:
            self.stdout.write(fields(result))
