"""Management command `show_limits`: shows the limits of a key or an owner."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.lookup import find_key
from apikeys.management.policy_command import PolicyCommand, add_subject_arguments, limit_rows
from apikeys.policies.limit_states import key_limits, owner_limits
from apikeys.policies.lookup import find_owner


class Command(PolicyCommand):
    """Management command that shows the limits of a key or an owner, and what is used of them."""

    help = "Show the limits of a key, or those that the keys of an owner share, and what is used."

    def add_arguments(self, parser: CommandParser) -> None:
        add_subject_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        owner = options["owner"]
        limits = key_limits(find_key(options["key_id"])) if owner is None else owner_limits(find_owner(owner))
        self.show({"limits": limits}, options, limit_rows(limits))
