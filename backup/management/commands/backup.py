"""manage.py backup: copies the database and the buckets into one directory."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from apikeys.management.key_command import fields
from backup.errors import BackupFailed
from backup.files import printable
from backup.management.backup_command import BackupCommand, manifest_row
from backup.manifest import Manifest
from backup.restore_check import has_other_tables
from backup.schema.expected import difference
from backup.schema.sql import run_sql
from backup.take import take_backup
from health.last_backup import record_backup
from latchkey import __version__
from latchkey.redaction import redact
from latchkey.timestamps import parse_rfc3339


class Command(BackupCommand):
    """Command that takes a backup, also while the server is running."""

    help = "Back up the database and the buckets while the server runs. Excludes peppers and SECRET_KEY."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="the directory to create; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["path"].absolute()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        manifest = take_backup(path)
        has_wrong_tables = has_other_tables(manifest)
        if not has_wrong_tables:
            self._record(manifest)
        if options["format"] == "json":
            self.show({"path": printable(path), **manifest.as_json()}, options, [])
        else:
            self.stdout.write(fields({"path": printable(path), **manifest_row(manifest)}))
            self.say("SECRET_KEY and SECRET_PEPPERS are not included. Keep them elsewhere: the backup needs them.")
        if has_wrong_tables:
            raise BackupFailed(
                f"The backup was written, but is not recorded as good: its tables differ from those of Latchkey "
                f"{__version__}: {difference(run_sql, manifest.database)}. Undo any change that was made by hand, and "
                "take another backup. If you need this one: restore --other-schema."
            )

    def _record(self, manifest: Manifest) -> None:
        # A standby, or a database from before an upgrade, can be backed up, but can't store the time of the backup.
        try:
            record_backup(parse_rfc3339(manifest.made_at))
        except DatabaseError as error:
            reason = redact(str(error)).partition("\n")[0]
            self.say(f"The backup is good, but its time was not recorded for the alert about old backups: {reason}.")
