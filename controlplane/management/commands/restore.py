"""manage.py restore: a backup in place of what is here."""

import sys
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandParser

from apikeys.management.key_command import REFUSED, fields, table
from controlplane.backup.errors import BackupRefused
from controlplane.backup.examine import examine, is_empty, nobody_else
from controlplane.backup.losses import WORKS_AGAIN, Losses, losses
from controlplane.backup.manifest import Manifest
from controlplane.backup.restore import Restored, restore
from controlplane.management.backup_command import BackupCommand, manifest_row

BROKEN: Final = REFUSED


class Command(BackupCommand):
    """Checks a backup, tells what a restore loses, and restores it."""

    help = "Restore a backup while no server runs, and tell which changes are lost by that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="a directory that `backup` made")
        parser.add_argument(
            "--check", action="store_true", help="change nothing: check it, and tell what would be lost"
        )
        parser.add_argument("--replace", action="store_true", help="also where the database is not empty")
        parser.add_argument("--other-peppers", action="store_true", help="also where its peppers are lost for good")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["path"].absolute()
        manifest = examine(path, other_peppers=options["other_peppers"])
        if options["check"]:
            self._tell(manifest, None, None if is_empty() else losses(manifest), options)
            return
        with nobody_else():
            empty = is_empty()
            if not empty and not options["replace"]:
                raise BackupRefused(
                    "The database is not empty. --check tells what would be lost; "
                    "--replace puts the backup in its place."
                )
            lost = None if empty else losses(manifest)
            restored = restore(path, manifest, empty=empty)
        self._tell(manifest, restored, lost, options)
        if restored.broken is not None:
            sys.exit(BROKEN)

    def _tell(
        self, manifest: Manifest, restored: Restored | None, lost: Losses | None, options: dict[str, Any]
    ) -> None:
        if options["format"] == "json":
            self.show(_as_json(manifest, restored, lost), options, [])
            return
        self.stdout.write(fields(manifest_row(manifest)))
        if restored is not None:
            self.stdout.write(f"\nRestored.{_what_is_where(restored)}\n{_verdict(manifest, restored)}")
        if lost is not None:
            self.stdout.write(f"\n{_told(lost, done=restored is not None)}")


def _what_is_where(restored: Restored) -> str:
    replaced = f" What was there before is now {restored.replaced}." if restored.replaced else ""
    buckets = {
        "kept": " The buckets here have gone on since the backup, and stay.",
        "restored": " The buckets are those of the backup.",
        "none": " There is no copy of buckets: each begins full, or as it is here.",
    }
    return replaced + buckets[restored.buckets]


def _verdict(manifest: Manifest, restored: Restored) -> str:
    if restored.pending:
        return "The backup is of an older version. Run: manage.py migrate, then manage.py verify_event_log"
    if restored.broken is not None:
        return f"The event log is broken at event {restored.broken.event_id}: {restored.broken.reason}."
    return f"The event log holds: {manifest.last_event} events."


def _told(lost: Losses, *, done: bool) -> str:
    is_lost = "got lost" if done else "would be lost"
    if not lost.known:
        return f"What {is_lost} cannot be told: the event log here cannot be read, or does not go on from the backup's."
    count = sum(lost.events.values())
    if not count:
        return f"Nothing {is_lost}: the event log here ends where the backup's does."
    head = f"Of the event log {count} {'event' if count == 1 else 'events'} {is_lost}"
    if not lost.changes:
        return f"{head}, and no change of a key, a webhook, a waiver or a user."
    alive = sorted({change["about"] for change in lost.changes if change["afterwards"] == WORKS_AGAIN})
    again = f"\n\nKeys that were revoked or disabled, and work again: {', '.join(alive)}" if alive else ""
    return f"{head}. Look at each of these, and make again what has to be:\n\n{table(lost.changes)}{again}"


def _as_json(manifest: Manifest, restored: Restored | None, lost: Losses | None) -> dict[str, object]:
    result: dict[str, object] = {"restored": restored is not None, "backup": manifest.as_json()}
    if restored is not None:
        broken = restored.broken
        result |= {
            "replaced": str(restored.replaced) if restored.replaced else None,
            "buckets": restored.buckets,
            "pending_migrations": restored.pending,
            "first_break": {"id": broken.event_id, "reason": broken.reason} if broken else None,
        }
    told = None if lost is None else {"known": lost.known, "events": lost.events, "changes": lost.changes}
    return {**result, "lost": told}
