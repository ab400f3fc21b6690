"""Entry point of `manage.py`: every command ends with a documented exit status and without a traceback."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand

from latchkey.cli.exit_codes import COULD_NOT, INTERRUPTED, REFUSED
from latchkey.cli.output import discard_stdout, is_stdout_error
from latchkey.cli.standard_streams import open_standard_streams

SERVE: Final = "serve"


class _Commands(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        try:
            command = super().fetch_command(subcommand)
        # There is no such command, and Django has printed that.
        except SystemExit:
            sys.exit(REFUSED)
        # `serve` calls it later, because it loads more.
        if subcommand != SERVE:
            enable_gc()
        return command


def enable_gc() -> None:
    """Turn the garbage collector on, and exclude everything that is loaded."""
    # The collector is off while modules load: they create no garbage, and collecting would take a fifth of the startup
    # time. Frozen objects are not visited. A visit writes to their memory pages, which would copy them for every fork.
    gc.collect()
    gc.freeze()
    gc.enable()


def execute(arguments: Sequence[str]) -> None:
    """Run a command, and exit with its status.

    If the reader of standard output closes it, as in `… | head`, the command ends quietly. If the output can't be
    written, the exit status is 3.
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
        # Flush here: at the end of the process it would be too late to report an error.
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
    except OSError as error:
        if not is_stdout_error(error):
            raise
        discard_stdout()
        print(f"latchkey: the result cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(COULD_NOT)
    if ended is not None:
        raise ended
