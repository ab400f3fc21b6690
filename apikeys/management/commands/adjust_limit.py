"""Management command `adjust_limit`: sets or changes what is used of a limit."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.lookup import find_key
from apikeys.management.key_command import typed_number
from apikeys.management.policy_command import PolicyCommand, add_subject_arguments, limit_rows
from apikeys.policies.limit_states import key_limits, owner_limits
from apikeys.policies.lookup import find_owner


class Command(PolicyCommand):
    """Management command that sets or changes what a key, or the keys of an owner, have used of a limit."""

    help = "Set or change what is used of a limit, from the next request on."

    def add_arguments(self, parser: CommandParser) -> None:
        add_subject_arguments(parser)
        parser.add_argument("--limit", required=True, metavar="NAME", help="name of the limit")
        change = parser.add_mutually_exclusive_group(required=True)
        change.add_argument("--used", metavar="N", help="what is used after the change")
        change.add_argument("--add", metavar="N", help="what is added to it; --add=-500 gives 500 back")
        parser.add_argument("--reason", required=True, metavar="TEXT")

    def handle(self, *args: Any, **options: Any) -> None:
        numbers = {name: typed_number(options[name]) for name in ("used", "add") if options[name] is not None}
        values = {**numbers, "reason": options["reason"]}
        slug, name = options["owner"], options["limit"]
        if slug is None:
            key = find_key(options["key_id"])
            self.policies().adjust(key.key_id, name, values)
            limits = key_limits(key)
        else:
            owner = find_owner(slug)
            self.policies().adjust(slug, name, values)
            limits = owner_limits(owner)
        shown = next(limit for limit in limits if limit["name"] == name)
        self.show(shown, options, limit_rows([shown]))
