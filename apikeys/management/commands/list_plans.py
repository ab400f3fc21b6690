"""Management command `list_plans`: lists plans, newest first."""

from typing import Any

from django.core.management.base import CommandParser

from apikeys.management.policy_command import PolicyCommand, Row, add_page_arguments
from apikeys.policies.pages import PLAN_QUERY, plan_page
from apikeys.policies.representation import plan_json


class Command(PolicyCommand):
    """Management command that lists one page of plans."""

    help = "List plans, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        add_page_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.show_page(options, PLAN_QUERY, plan_page, plan_json, _row)


def _row(plan: Row) -> Row:
    limits: Any = plan["limits"]
    return {"name": plan["name"], "limits": ", ".join(limit["name"] for limit in limits) or "-"}
