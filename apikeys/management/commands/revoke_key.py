"""Management command `revoke_key`: revokes a key."""

import sys
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.lookup import find_key
from apikeys.management.key_command import KeyCommand, add_yes_argument, key_row, table
from apikeys.representation import key_json
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that revokes a key permanently, after a confirmation."""

    help = "Revoke a key permanently. Asks for the key ID first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        add_yes_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        key_id, expected = options["key_id"], None
        if not options["yes"] and sys.stdin.isatty():
            found = find_key(key_id)
            # The person confirms this state of the key. If it changes in the meantime, the command fails.
            expected = {found.epoch}
            self.say(table([key_row(key_json(found, timezone.now(), default_limiter()))]))
        self.confirm(options, f"This revokes {key_id} permanently.")
        key = key_json(self.service(expected).revoke(key_id), timezone.now(), default_limiter())
        self.show(key, options, [key_row(key)])
