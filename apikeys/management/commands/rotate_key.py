"""manage.py rotate_key: a new secret for a key."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, duration, fields
from apikeys.representation import issued_json
from apikeys.validation import DEFAULT_GRACE_SECONDS
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Rotates a key's secret and shows the new one, this once."""

    help = "Make a new secret for a key; the old one works on for a while. The new one is shown once, now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        grace = parser.add_mutually_exclusive_group()
        grace.add_argument(
            "--grace", type=duration, metavar="SPAN", help="how long the old secret works on; default 1d"
        )
        grace.add_argument("--at-once", action="store_true", help="end every older secret now (it has leaked)")

    def handle(self, *args: Any, **options: Any) -> None:
        grace = int(options["grace"].total_seconds()) if options["grace"] else DEFAULT_GRACE_SECONDS
        issued = self.service().rotate(options["key_id"], {"grace_seconds": 0 if options["at_once"] else grace})
        result = issued_json(issued, timezone.now(), default_limiter())
        if options["format"] == "json":
            self.show(result, options, [])
            return
        self.stdout.write(fields({name: result[name] for name in ("key_id", "label", "credential", "secrets")}))
        self.say("The credential is shown this once. Keep it where secrets are kept.")
