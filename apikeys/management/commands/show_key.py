"""Management command `show_key`: shows one key."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.lookup import find_key
from apikeys.management.key_command import KeyCommand, fields
from apikeys.policies.limit_states import key_limits_if_readable
from apikeys.representation import key_json
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that shows one key."""

    help = "Show one key with its secrets' state and last use."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")

    def handle(self, *args: Any, **options: Any) -> None:
        found = find_key(options["key_id"])
        key = key_json(found, timezone.now(), default_limiter()) | {"limits": key_limits_if_readable(found)}
        if options["format"] == "json":
            self.show(key, options, [])
        else:
            self.stdout.write(fields(key))
