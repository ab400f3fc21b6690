"""`manage.py check_guard_rails`: evaluates all guard rails and shows what violates them."""

import sys
from typing import Any, Final

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand
from health.guard_rails import GUARD_RAILS, Severity
from health.incidents import degraded, open_incidents, sweep
from health.models import Waiver
from health.report import incident_json
from health.waivers import waiver_json
from latchkey.cli.exit_codes import REFUSED

VIOLATED: Final = REFUSED


class Command(KeyCommand):
    """Evaluate every guard rail now, as the steward does, and show the violations."""

    help = "Evaluate every guard rail now. Exit 0 if none is violated, 2 if one is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--least",
            choices=[severity.value for severity in Severity],
            default=Severity.WARNING.value,
            help="lowest severity that counts for the exit status; default: warning",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        sweep(GUARD_RAILS, now=now, request_id=self.origin().request_id)
        incidents = open_incidents()
        waivers = [waiver_json(waiver) for waiver in Waiver.objects.in_force(now)]
        found = [incident_json(incident) for incident in incidents]
        names = degraded()
        result = {
            "status": "degraded" if names else "ok",
            "degraded": names,
            "guard_rails": found,
            "waivers": waivers,
        }
        rows = [
            {"guard rail": violation["name"], **{name: violation[name] for name in ("severity", "count", "since")}}
            for violation in found
        ]
        self.show(result, options, rows)
        if options["format"] == "table":
            self._explain(found, waivers)
        ranks = list(Severity)
        least = ranks.index(Severity(options["least"]))
        if any(ranks.index(Severity(incident.severity)) >= least for incident in incidents):
            sys.exit(VIOLATED)

    def _explain(self, found: list[dict[str, object]], waivers: list[dict[str, object]]) -> None:
        for violation in found:
            self.stdout.write(f"\n{violation['name']}: {violation['detail']}\n  {violation['remediation']}")
        for waiver in waivers:
            scope = f" for {waiver['key_id']}" if waiver["key_id"] else ""
            self.stdout.write(
                f"\nwaived: {waiver['guard_rail']}{scope} until {waiver['ends_at']} by {waiver['granted_by']}"
                f" ({waiver['reason']}); manage.py end_waiver {waiver['id']}"
            )
