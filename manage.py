#!/usr/bin/env python3
"""Latchkey's command line on the server: `manage.py help` lists the commands."""

import gc
import os
import sys
from pathlib import Path

_ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def main() -> None:
    """Run one command. A wrong setting is one plain line and exit 2, a database that is down exit 3."""
    gc.disable()  # until everything is loaded
    os.umask(0o077)  # what a command writes, the database file too, is for this account alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.db import DatabaseError

        from controlplane.command_line import SERVE, execute
    except ModuleNotFoundError as error:
        _run_in_environment(str(error.name))

    from latchkey.redaction import redact

    if sys.argv[1:2] == [SERVE]:
        from controlplane.server.metric_places import count_later

        count_later()
    try:
        execute(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(_tell(str(error), status=2))
    except DatabaseError as error:
        reason = redact(str(error)).strip().partition("\n")[0]
        sys.exit(_tell(f"DATABASE_URL: the database cannot be used: {reason}", status=3))


def _run_in_environment(missing: str) -> None:
    """Run the same command with the Python of .venv, which has what is missing here. Exit 2 if that is not there."""
    python = _ENVIRONMENT / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != _ENVIRONMENT.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - our own interpreter
    sys.exit(_tell(f"this Python lacks {missing}. `make run` installs everything into .venv; run it once.", status=2))


def _tell(reason: str, *, status: int) -> int:
    print(f"latchkey: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
