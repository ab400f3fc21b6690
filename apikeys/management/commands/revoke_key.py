"""manage.py revoke_key: the end of a key."""

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apikeys.management.key_command import REFUSED, KeyCommand, key_row
from apikeys.representation import key_json
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Revokes a key."""

    help = "Revoke a key, for ever. Asks first on a terminal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        key_id = options["key_id"]
        if not options["yes"] and sys.stdin.isatty():
            typed = input(f"Revoking {key_id} cannot be undone. Type the key id to go on: ")
            if typed.strip() != key_id:
                raise CommandError("Not revoked.", returncode=REFUSED)
        key = key_json(self.service().revoke(key_id), timezone.now(), default_limiter())
        self.show(key, options, [key_row(key)])
