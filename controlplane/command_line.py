"""`manage.py` as a process: however a command ends, it ends with a documented status and without a traceback."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand

from latchkey.cli.output import abandon, of_output
from latchkey.cli.standard_streams import open_standard_streams

REFUSED: Final = 2
COULD_NOT: Final = 3
INTERRUPTED: Final = 130
SERVE: Final = "serve"


class _Commands(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        try:
            command = super().fetch_command(subcommand)
        except SystemExit:  # there is no such command, as Django has said
            sys.exit(REFUSED)
        if subcommand != SERVE:  # it loads more, and does this itself
            collect_from_now_on()
        return command


def collect_from_now_on() -> None:
    """Turn the garbage collector on, and keep what is loaded out of its sight.

    While it loads it is off: nothing of that becomes garbage, and to look for some again and again is a fifth of the
    time of a start. What is frozen is not visited, which would also write to its pages and so copy them for each fork.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def execute(arguments: Sequence[str]) -> None:
    """Run one command, and exit with its status. If the reader of standard output closes it, as in `… | head`, the
    command ends quietly. Output that cannot be written is exit 3.
    """
    open_standard_streams()
    if os.environ.get("NO_COLOR"):
        os.environ.update(DJANGO_COLORS="nocolor")
    ended: SystemExit | None = None
    try:
        try:
            _Commands(list(arguments)).execute()
        except SystemExit as found:
            ended = found
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        sys.stdout.flush()  # here, as at the end of the process it is too late to say what is wrong
    except BrokenPipeError:
        abandon()
    except OSError as error:
        if not of_output(error):
            raise
        abandon()
        print(f"latchkey: the result cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(COULD_NOT)
    if ended is not None:
        raise ended
