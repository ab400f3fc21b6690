"""Management command `delete_plan`: deletes a plan."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.policy_command import PolicyCommand, plan_rows
from apikeys.policies.lookup import find_plan
from apikeys.policies.representation import plan_json


class Command(PolicyCommand):
    """Management command that deletes a plan which no key and no owner has, and shows it once more."""

    help = "Delete a plan that no key and no owner has."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = plan_json(find_plan(options["name"]))
        self.policies().delete_plan(options["name"])
        self.show(plan, options, plan_rows(plan))
