"""Command `manage.py seed_demo`: creates a realistic data set to explore and to try things on."""

from datetime import datetime
from time import monotonic
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand
from console.demo_data.seeding import FEWEST_KEYS, MOST_KEYS, SeedResult, create_demo_data, installation_in_use
from latchkey.arguments import whole_number
from latchkey.cli.exit_codes import REFUSED

KEYS: Final = 60
SEED: Final = 1


class Command(KeyCommand):
    """Command that fills a new installation with a year of a fictional company. It shows and keeps no secrets."""

    help = "Fill a new installation with a demo: keys, 30 days of use, rotations, incidents, webhooks and events."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--keys",
            type=whole_number(FEWEST_KEYS, MOST_KEYS),
            default=KEYS,
            metavar="N",
            help=f"number of keys; default: {KEYS}",
        )
        parser.add_argument(
            "--seed",
            type=whole_number(),
            default=SEED,
            metavar="SEED",
            help=f"seed of the random numbers; default: {SEED}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if installation_in_use():
            raise CommandError(
                "This installation is in use: it has keys, plans, webhooks or waivers. Seed a new one, with its own "
                "DATA_DIR or DATABASE_URL.",
                returncode=REFUSED,
            )
        began = monotonic()
        seeded = create_demo_data(timezone.now(), options["seed"], options["keys"], self._show_progress)
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="", style_func=str)
        self.show(_summary(seeded), options, [{"what": name, "is": value} for name, value in _summary(seeded).items()])
        self.say(f"Seeded in {monotonic() - began:.1f} s. Open incidents: manage.py check_guard_rails")

    def _show_progress(self, moment: datetime) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\rPlaying {moment:%Y-%m-%d}", ending="", style_func=str)


def _summary(seeded: SeedResult) -> dict[str, object]:
    states = ", ".join(f"{number} {state}" for state, number in seeded.states.items())
    return {
        "keys": seeded.keys,
        "states": states,
        "events": seeded.events,
        "usage_rows": seeded.usage_rows,
        "incidents": seeded.incidents,
        "open_incidents": ", ".join(seeded.open),
    }
