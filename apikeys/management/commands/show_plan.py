"""Management command `show_plan`: shows one plan."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.policy_command import PolicyCommand, plan_rows
from apikeys.policies.lookup import find_plan
from apikeys.policies.representation import plan_json


class Command(PolicyCommand):
    """Management command that shows the limits of one plan."""

    help = "Show the limits of a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = plan_json(find_plan(options["name"]))
        self.show(plan, options, plan_rows(plan))
