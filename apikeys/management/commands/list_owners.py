"""Management command `list_owners`: lists owners, newest first."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.policy_command import PolicyCommand, add_page_arguments, owner_row
from apikeys.policies.pages import OWNER_QUERY, owner_page
from apikeys.policies.representation import owner_json


class Command(PolicyCommand):
    """Management command that lists one page of owners."""

    help = "List owners, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--q", help="text that is part of the name, the slug or the display name")
        parser.add_argument("--plan", help="only owners with this plan")
        add_page_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.show_page(options, OWNER_QUERY, owner_page, owner_json, owner_row)
