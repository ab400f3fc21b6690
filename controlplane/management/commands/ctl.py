"""manage.py ctl: the remote CLI, where only the server is installed."""

import sys
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from latchkey.cli.main import main


class Command(BaseCommand):
    """Runs `latchkey` with everything that stands behind `ctl`: its options are its own, and Django reads none."""

    help = "The remote CLI, as the command latchkey: manage.py ctl --help."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        sys.exit(main(argv[2:]))

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(main([str(argument) for argument in args]))
