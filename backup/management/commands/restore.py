"""manage.py restore: replaces the current data by a backup."""

import sys
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandParser

from apikeys.management.key_command import fields
from backup.errors import BackupRefused
from backup.loss_file import earlier_losses
from backup.losses import find_losses
from backup.management.backup_command import BackupCommand, manifest_row
from backup.management.restore_report import Report
from backup.restore import restore
from backup.restore_check import check_backup, database_is_empty, exclusive_use
from backup.restore_progress import RestoreProgress
from latchkey.cli.exit_codes import REFUSED

BROKEN: Final = REFUSED


class Command(BackupCommand):
    """Command that checks a backup, reports what a restore loses, and restores it."""

    help = "Restore a backup while no server runs, and report which changes are lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="a directory that `backup` created")
        parser.add_argument(
            "--check", action="store_true", help="change nothing: check the backup, and report what would be lost"
        )
        parser.add_argument("--replace", action="store_true", help="restore even if the database is not empty")
        parser.add_argument(
            "--other-peppers", action="store_true", help="restore even if its peppers are permanently lost"
        )
        parser.add_argument(
            "--other-schema",
            action="store_true",
            help="restore even if its tables were changed by hand; undo that afterwards",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["path"].absolute()
        manifest = check_backup(path, other_peppers=options["other_peppers"], other_schema=options["other_schema"])
        if options["check"]:
            lost = None if database_is_empty() else find_losses(manifest)
            self._report(Report(manifest, None, lost, earlier_losses()), options)
            return
        progress = RestoreProgress()
        with exclusive_use():
            empty = database_is_empty()
            if not empty and not options["replace"]:
                raise BackupRefused(
                    "The database is not empty. Use --check to see what would be lost, "
                    "or --replace to replace it with the backup."
                )
            report = Report(manifest, progress, None if empty else find_losses(manifest), earlier_losses())
            try:
                restore(path, manifest, report.lost, report.earlier, progress)
            finally:
                # Report even if a later step failed: the operator must know which keys work again.
                if progress.swapped:
                    self._report(report, options)
        if progress.broken is not None:
            sys.exit(BROKEN)

    def _report(self, report: Report, options: dict[str, Any]) -> None:
        if options["format"] == "json":
            self.show(report.as_json(), options, [])
            return
        self.stdout.write(fields(manifest_row(report.manifest)))
        self.stdout.write(report.text())
        self.stdout.flush()
