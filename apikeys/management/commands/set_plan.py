"""Management command `set_plan`: creates or changes a plan."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apikeys.management.policy_command import PolicyCommand, plan_rows, read_json
from apikeys.models import Plan
from apikeys.policies.representation import plan_json
from latchkey.cli.exit_codes import REFUSED


class Command(PolicyCommand):
    """Management command that creates a plan from a file, or changes it to what is in the file."""

    help = "Create or change a plan, from the next request of its keys on. What was spent stays spent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("file", metavar="FILE", help='JSON: {"limits": [...]}; - for standard input')

    def handle(self, *args: Any, **options: Any) -> None:
        name, values = options["name"], read_json(options["file"])
        # As `show_plan` writes it, a file has the name too.
        if isinstance(values, Mapping) and values.get("name", name) == name:
            values = {member: value for member, value in values.items() if member != "name"}
        elif isinstance(values, Mapping):
            raise CommandError(
                f"The file is a plan with another name than {name}. Change its name, or leave it out.",
                returncode=REFUSED,
            )
        if Plan.objects.filter(name=name).exists():
            plan = self.policies().change_plan(name, values)
        else:
            created = {"name": name, **values} if isinstance(values, Mapping) else values
            plan = self.policies().create_plan(created)
        shown = plan_json(plan)
        self.show(shown, options, plan_rows(shown))
