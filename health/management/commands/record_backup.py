"""`manage.py record_backup`: records a good backup that something other than `backup` made."""

from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apikeys.management.key_command import KeyCommand, fields
from health.last_backup import last_backup, record_backup
from latchkey.timestamps import parse_rfc3339, rfc3339


class Command(KeyCommand):
    """Record the time for `backup_last_success_timestamp_seconds`, which an alert reads."""

    help = "Record that another program made a good backup, for the alert about old backups."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--made-at", type=_past, metavar="TIME", help="time of the state in the backup, RFC 3339; default: now"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        record_backup(options["made_at"] or timezone.now())
        newest = last_backup()
        result = {"last_backup": rfc3339(newest) if newest else None}
        if options["format"] == "json":
            self.show(result, options, [])
        else:
            self.stdout.write(fields(result))


def _past(text: str) -> datetime:
    """Return a time that isn't in the future. Raises ArgumentTypeError."""
    try:
        made_at = parse_rfc3339(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if made_at > timezone.now():
        raise ArgumentTypeError("is in the future")
    return made_at
