"""Management command `finish_rotation`: ends a key's old secret."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.lookup import find_key
from apikeys.management.key_command import KeyCommand, add_yes_argument, key_row
from apikeys.representation import key_json
from apikeys.rotation import rotation_of
from apikeys.validation import MAX_SECRET_ID
from latchkey.arguments import whole_number
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that ends the retiring secret, and asks first if that would lock out a client."""

    help = "End a key's retiring secret now. Asks first if the new secret hasn't been in use alone for an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id")
        parser.add_argument(
            "--secret",
            type=whole_number(1, MAX_SECRET_ID),
            metavar="ID",
            help="only if this is the retiring secret",
        )
        add_yes_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        rotation = rotation_of(find_key(options["key_id"]), timezone.now(), default_limiter())
        if rotation is not None and not rotation.is_ready:
            self.confirm(options, f"{rotation.warning} This ends the old secret permanently.")
        # End the secret that was shown, not one of a later rotation.
        secret = options["secret"] or (rotation.old.pk if rotation else None)
        named = {} if secret is None else {"secret_id": secret}
        finished = self.service().finish_rotation(options["key_id"], named)
        key = key_json(finished, timezone.now(), default_limiter())
        self.show(key, options, [key_row(key)])
