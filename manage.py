#!/usr/bin/env python
"""Latchkey's command line on the server: `manage.py help` lists the commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError

from latchkey.redaction import redact


def main() -> None:
    """Runs one command. A setting that is wrong is one plain line and exit 2, a database that is away exit 3."""
    os.umask(0o077)  # what a command writes, the database file too, is for this account alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(_tell(str(error), status=2))
    except DatabaseError as error:
        reason = redact(str(error)).strip().partition("\n")[0]
        sys.exit(_tell(f"DATABASE_URL: the database cannot be used: {reason}", status=3))


def _tell(reason: str, *, status: int) -> int:
    print(f"latchkey: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
