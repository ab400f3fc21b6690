"""Management command `rotate_key`: creates a new secret for a key."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, add_yes_argument, fields
from apikeys.representation import issued_json
from latchkey.arguments import duration
from latchkey.rotation import DEFAULT_GRACE_SECONDS
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that rotates a key's secret and shows the new one, once."""

    help = "Create a new secret for a key. It is shown only once. The old one works until its grace period ends."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        grace = parser.add_mutually_exclusive_group()
        grace.add_argument("--grace", type=duration, metavar="SPAN", help="grace period of the old secret; default: 1d")
        grace.add_argument(
            "--at-once",
            action="store_true",
            help="end every older secret immediately, for example after a leak; asks first",
        )
        add_yes_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        grace = int(options["grace"].total_seconds()) if options["grace"] else DEFAULT_GRACE_SECONDS
        if options["at_once"]:
            self.confirm(options, f"This ends every older secret of {options['key_id']} immediately.")
        issued = self.service().rotate(options["key_id"], {"grace_seconds": 0 if options["at_once"] else grace})
        result = issued_json(issued, timezone.now(), default_limiter())
        with self.showing_secret(issued.key.key_id):
            if options["format"] == "json":
                self.show(result, options, [])
                return
            self.stdout.write(
                fields(
                    {name: result[name] for name in ("key_id", "label", "credential", "bearer_credential", "secrets")}
                )
            )
        self.say("The credential is shown only once. Store it now, for example in a secret manager.")
        if not options["at_once"]:
            self.say(f"Once it is in use, end the old secret: manage.py finish_rotation {options['key_id']}")
