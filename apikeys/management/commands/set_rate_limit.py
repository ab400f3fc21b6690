"""Management command `set_rate_limit`: changes a key's rate limit."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, add_limit_arguments, key_row, limit_value
from apikeys.representation import key_json
from latchkey.cli.exit_codes import REFUSED
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that changes a key's rate limit."""

    help = "Change a key's rate limit, from the next request on. Spent tokens stay spent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        add_limit_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        values = limit_value(options)
        if not values:
            raise CommandError(
                "Use --rate, --burst and --per-seconds, --unlimited, or --rate-limit.", returncode=REFUSED
            )
        key = key_json(self.service().update(options["key_id"], values), timezone.now(), default_limiter())
        self.show(key, options, [key_row(key)])
