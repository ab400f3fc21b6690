"""Management command `list_keys`: lists keys, newest first."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, key_row
from apikeys.pages import QUERY, STATES, key_page
from apikeys.representation import key_json
from latchkey.query import parse_parameters
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that lists one page of keys."""

    help = "List keys, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--state", choices=STATES)
        parser.add_argument("--q", help="words, each of which is part of the key ID, label, owner or metadata")
        parser.add_argument("--owner", help="only keys with exactly this owner")
        parser.add_argument("--label", help="only keys with exactly this label")
        parser.add_argument("--plan", help="only keys with this plan of their own")
        parser.add_argument("--limit", default="50", help="1 to 200, default 50")
        parser.add_argument("--cursor", help="cursor that an earlier page showed; repeat its filters")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        typed = ((parameter.name, options[parameter.name]) for parameter in QUERY)
        page = key_page(now, **parse_parameters(((name, text) for name, text in typed if text is not None), QUERY))
        items = [key_json(key, now, default_limiter()) for key in page.keys]
        self.show({"items": items, "next": page.next}, options, [key_row(item) for item in items])
        if page.next and options["format"] == "table":
            self.say(f"There are more keys. Repeat with the same filters and --cursor {page.next}")
