"""manage.py issue_key: a new key."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, add_limit_arguments, duration, fields, limit_text, limit_value
from apikeys.representation import issued_json
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Issues a key and shows its secret, this once."""

    help = "Issue a key. Its secret is shown once, now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--label", required=True, help="what the key is for")
        parser.add_argument("--owner", default="", help="who answers for it")
        parser.add_argument(
            "--scope", action="append", default=[], dest="scopes", metavar="SCOPE", help="may be given several times"
        )
        add_limit_arguments(parser)
        parser.add_argument("--expires-in", type=duration, metavar="SPAN", help="such as 90d; default: never")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        values = {name: options[name] for name in ("label", "owner", "scopes")}
        if options["expires_in"]:
            values["expires_at"] = now + options["expires_in"]
        issued = self.service().issue({**values, **limit_value(options)})
        result = issued_json(issued, now, default_limiter())
        if options["format"] == "json":
            self.show(result, options, [])
            return
        shown = {name: result[name] for name in ("key_id", "label", "owner", "scopes", "expires_at", "credential")}
        self.stdout.write(fields({**shown, "limit": limit_text(result["rate_limit"])}))
        self.say("The credential is shown this once. Keep it where secrets are kept.")
