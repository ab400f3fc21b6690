"""Restores a backup: the database, the buckets where the backup knows more, and the proof of the event log."""

import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apikeys.peppers import configured_peppers
from controlplane.backup import postgresql, sqlite
from controlplane.backup.buckets import bucket_path, goes_on_from, put_buckets
from controlplane.backup.errors import BackupFailed
from controlplane.backup.facts import read_facts
from controlplane.backup.manifest import BUCKETS_FILE, DATABASE_FILES, Manifest
from controlplane.backup.query import ask
from controlplane.backup.take import take_backup
from events.continuity import Break
from events.verification import verify
from health.models import Lease


@dataclass(frozen=True, slots=True)
class Restored:
    """`replaced` is where the old database is now. `buckets` is `restored`, `kept` or `none`.

    `broken` is the first break of the event log. It was not looked for where migrations are `pending`.
    """

    replaced: Path | None
    buckets: str
    pending: bool
    broken: Break | None


def restore(path: Path, manifest: Manifest, *, empty: bool) -> Restored:
    """Puts the examined backup at `path` in place of what is here. Nobody else may work on it.

    Raises BackupFailed, OSError or DatabaseError.
    """
    dump = path / DATABASE_FILES[manifest.database]
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    put = _put_sqlite if manifest.database == "sqlite" else _put_postgresql
    replaced = put(dump, stamp, empty=empty)
    buckets = _put_buckets(path / BUCKETS_FILE, manifest)
    facts = read_facts(ask)
    if (facts.keys, facts.last_event, facts.digest) != (manifest.keys, manifest.last_event, manifest.digest):
        raise BackupFailed("What was restored is not what the manifest tells. Do not serve it: take another backup.")
    _end_what_was_under_way()
    executor = MigrationExecutor(connection)
    pending = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return Restored(replaced, buckets, pending, None if pending else _first_break())


def _put_sqlite(copy: Path, stamp: str, *, empty: bool) -> Path | None:
    """The old file stays beside the new one, under another name."""
    database = Path(connection.settings_dict["NAME"]).absolute()
    aside = database.with_name(f"{database.name}.replaced-{stamp}")
    connection.close()
    sqlite.put_database(copy, database, aside)
    if empty:
        aside.unlink(missing_ok=True)
    return None if empty else aside


def _put_postgresql(dump: Path, stamp: str, *, empty: bool) -> Path | None:
    """The old contents are backed up first, as a backup like any other."""
    aside = None if empty else settings.DATA_DIR / f"replaced-{stamp}"
    if aside is not None:
        take_backup(aside)
    postgresql.put_database(dump)
    return aside


def _put_buckets(copy: Path, manifest: Manifest) -> str:
    """Buckets that have gone on since the backup know more than it does, and stay."""
    path = bucket_path(settings.BUCKET_STORE_URL)
    if path is None or manifest.generation is None:
        return "none"
    if path.exists() and goes_on_from(path, copy):
        return "kept"
    put_buckets(copy, path)
    return "restored"


def _end_what_was_under_way() -> None:
    """The steward of that time holds no lease any more, and who was signed in to the admin then signs in anew."""
    now = timezone.now()
    Lease.objects.filter(expires_at__gt=now).update(holder="", expires_at=now)
    Session.objects.all().delete()


def _first_break() -> Break | None:
    return next((found for found in verify(configured_peppers()) if isinstance(found, Break)), None)
