"""Management command `set_owner`: creates or changes an owner."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apikeys.management.policy_command import PolicyCommand, owner_row
from apikeys.models import Owner
from apikeys.policies.representation import owner_json
from latchkey.cli.exit_codes import REFUSED


class Command(PolicyCommand):
    """Management command that creates the owner with a name, or changes the fields that are given."""

    help = "Create or change an owner. Another plan applies from the next request of its keys on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the text in the owner of its keys")
        plan = parser.add_mutually_exclusive_group()
        plan.add_argument("--plan", help="name of a plan that exists")
        plan.add_argument("--no-plan", action="store_true", help="no plan")
        parser.add_argument("--slug", help="only for a new owner; default: made from the name")
        parser.add_argument("--display-name", metavar="TEXT")
        parser.add_argument(
            "--contact", action="append", dest="contacts", metavar="TEXT", help="can be repeated; replaces all"
        )
        parser.add_argument("--period-anchor", metavar="DATE", help="the day from which months of quotas count")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("plan", "display_name", "contacts", "period_anchor")
        values = {name: options[name] for name in names if options[name] is not None}
        if options["no_plan"]:
            values["plan"] = None
        found = Owner.objects.filter(name=options["name"]).first()
        if found is not None and options["slug"] not in (None, found.slug):
            raise CommandError(f"The owner exists, and its slug is {found.slug}. It never changes.", returncode=REFUSED)
        if found is not None:
            owner = self.policies().change_owner(found.slug, values)
        else:
            slug = {} if options["slug"] is None else {"slug": options["slug"]}
            owner = self.policies().create_owner({"name": options["name"], **slug, **values})
        shown = owner_json(owner)
        self.show(shown, options, [owner_row(shown)])
