"""`manage.py grant_waiver`: permits a violation of a guard rail for a while."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.key_command import KeyCommand, fields, time_ahead
from health.waivers import Waivers, waiver_json
from latchkey.timestamps import EXAMPLE


class Command(KeyCommand):
    """Silence a guard rail, for one key or for all."""

    help = "Silence a guard rail until a time; then it alerts again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("guard_rail", help="the guard rail's name, as check_guard_rails shows it")
        parser.add_argument("--key", metavar="KEY_ID", help="only for this key; default: for all")
        parser.add_argument("--reason", required=True, help="why this is acceptable; stored in the event log")
        parser.add_argument(
            "--ends-in",
            type=time_ahead,
            required=True,
            metavar="SPAN|TIME",
            help=f"when it ends: 30d, or {EXAMPLE}; at most 366d",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        values = {name: options[name] for name in ("guard_rail", "reason")} | {"ends_at": options["ends_in"]}
        if options["key"] is not None:
            values["key_id"] = options["key"]
        result = waiver_json(Waivers(self.origin()).grant(values))
        if options["format"] == "json":
            self.show(result, options, [])
        else:
            self.stdout.write(fields(result))
