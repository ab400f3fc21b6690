"""Management command `issue_key`: issues a key."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, add_limit_arguments, fields, limit_text, limit_value, time_ahead
from apikeys.representation import issued_json
from latchkey.timestamps import EXAMPLE
from latchkey.verify_limit import SUGGESTED, verify_limit_hint
from ratelimit.limiter import default_limiter


class Command(KeyCommand):
    """Management command that issues a key and shows its secret, once."""

    help = "Issue a key. Its secret is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--label", required=True, help="what the key is for")
        parser.add_argument("--owner", default="", help="who is responsible for the key")
        parser.add_argument(
            "--scope", action="append", default=[], dest="scopes", metavar="SCOPE", help="can be repeated"
        )
        add_limit_arguments(parser)
        parser.add_argument("--plan", help="name of a plan that exists")
        parser.add_argument(
            "--expires-in",
            type=time_ahead,
            metavar="SPAN|TIME",
            help=f"when the key expires: 90d, or {EXAMPLE}; default: never",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        values = {name: options[name] for name in ("label", "owner", "scopes")}
        if options["plan"] is not None:
            values["plan"] = options["plan"]
        if options["expires_in"]:
            values["expires_at"] = options["expires_in"]
        limit = limit_value(options)
        issued = self.service().issue({**values, **limit})
        result = issued_json(issued, timezone.now(), default_limiter())
        names = ("key_id", "label", "owner", "scopes", "plan", "expires_at", "credential", "bearer_credential")
        shown = {name: result[name] for name in names}
        with self.showing_secret(issued.key.key_id):
            if options["format"] == "json":
                self.show(result, options, [])
            else:
                self.stdout.write(fields({**shown, "limit": limit_text(result["rate_limit"])}))
                self.say("The credential is shown only once. Store it now, for example in a secret manager.")
        change = f"Change it: manage.py set_rate_limit {issued.key.key_id} {SUGGESTED}"
        hint = None if limit else verify_limit_hint(issued.key.scopes, issued.key.rate_limit, change)
        if hint is not None:
            self.say(hint)
