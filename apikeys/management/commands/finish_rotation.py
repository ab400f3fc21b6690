"""manage.py finish_rotation: the end of a key's old secret."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, key_row
from apikeys.representation import key_json
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Ends the retiring secret."""

    help = "End a key's retiring secret now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")

    def handle(self, *args: Any, **options: Any) -> None:
        key = key_json(self.service().finish_rotation(options["key_id"]), timezone.now(), default_limiter())
        self.show(key, options, [key_row(key)])
