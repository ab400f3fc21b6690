#!/usr/bin/env python3
"""Command line of Latchkey on the server. `manage.py help` lists the commands."""

import gc
import os
import sys
from pathlib import Path

_ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def main() -> None:
    """Run one command. Exit with 2 and a one-line message for an invalid setting, or with 3 if the database is down."""
    # `enable_gc` enables it once everything is loaded: loading creates no garbage.
    gc.disable()
    # Files that a command creates, including the database, must be readable by this account only.
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.db import DatabaseError

        from controlplane.command_line import SERVE, execute
    except ModuleNotFoundError as error:
        # The system's Python lacks the packages.
        _run_in_environment(str(error.name))

    from latchkey.redaction import redact

    if sys.argv[1:2] == [SERVE]:
        from httpserver.metric_slots import defer_files

        # Before the application is imported, which creates the metrics.
        defer_files()
    try:
        execute(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(_tell(str(error), status=2))
    except DatabaseError as error:
        reason = redact(str(error)).strip().partition("\n")[0]
        sys.exit(_tell(f"DATABASE_URL: the database cannot be used: {reason}", status=3))


def _run_in_environment(missing: str) -> None:
    """Run the same command with the Python of .venv, which has the missing module. Exit with 2 if there is none."""
    python = _ENVIRONMENT / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != _ENVIRONMENT.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - our own interpreter
    sys.exit(_tell(f"this Python has no {missing}. Run `make run` once: it installs everything into .venv.", status=2))


def _tell(reason: str, *, status: int) -> int:
    print(f"latchkey: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
