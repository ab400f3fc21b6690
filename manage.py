#!/usr/bin/env python
"""Latchkey's command line on the server: `manage.py help` lists the commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Runs one command. A setting that is wrong is one plain line and exit 2."""
    os.umask(0o077)  # what a command writes, the database file too, is for this account alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(_refuse(str(error)))


def _refuse(reason: str) -> int:
    print(f"latchkey: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
