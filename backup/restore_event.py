"""Trace of a restore, left in the restored database: an event, and no waiver that would hide the restore.

It is written in plain SQL: the copy is not the database of the settings yet, and it may lack migrations.
"""

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.db import connection

from backup.files import printable
from backup.loss_file import Earlier
from backup.losses import Losses, alive_again
from backup.manifest import Manifest
from backup.schema.sql import Query
from events.chain import GENESIS, canonical, event_digest
from events.origin import Origin
from events.types import EventType
from latchkey.redaction import redact

GUARD_RAIL: Final = "restored_backup"
MOST_KEYS: Final = 100
_APPEND: Final = """
INSERT INTO events_event (id, type, at, actor, request_id, key_id, data_json, digest)
VALUES (%s, %s, %s, %s, %s, '', %s, %s) RETURNING id"""
_MOVE_HEAD: Final = """
INSERT INTO events_chainhead (id, last_id, digest) VALUES (1, %s, %s)
ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, digest = excluded.digest RETURNING id"""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the event says about a restore of the backup at `path`.

    `lost` is None if the database was empty. `earlier` are previous restores whose losses the database still
    lacked.
    """

    path: Path
    manifest: Manifest
    lost: Losses | None
    earlier: Sequence[Earlier]
    origin: Origin
    at: datetime

    def leave(self, query: Query) -> int:
        """Append the event to the log that `query` reaches. Return its ID."""
        event_id = self._append(query, EventType.BACKUP_RESTORED, self.data())
        # A waiver that acknowledged an earlier restore would silence the incident of this one too, so end it.
        waivers = query(
            "SELECT id, reason FROM health_waiver WHERE guard_rail = %s AND ended_at IS NULL ORDER BY id", GUARD_RAIL
        )
        for waiver, reason in waivers:
            query(
                "UPDATE health_waiver SET ended_at = %s, ended_by = %s WHERE id = %s RETURNING id",
                self._stored_at, self.origin.actor, waiver,
            )  # fmt: skip
            told = {"waiver": waiver, "guard_rail": GUARD_RAIL, "reason": reason, "because": "restore"}
            self._append(query, EventType.WAIVER_ENDED, told)
        return event_id

    def data(self) -> dict[str, object]:
        """Return the data of the event."""
        return {
            "backup": _name(self.path),
            "made_at": self.manifest.made_at,
            "version": self.manifest.version,
            "last_event": self.manifest.last_event,
            "by": _user(),
            "lost": None if self.lost is None else _lost(self.lost),
            "earlier": [_earlier(found) for found in self.earlier],
        }

    def _append(self, query: Query, type: EventType, data: Mapping[str, object]) -> int:
        last_id, previous = next(iter(query("SELECT last_id, digest FROM events_chainhead")), (0, GENESIS))
        actor, request_id, text, event_id = self.origin.actor, self.origin.request_id, canonical(data), last_id + 1
        digest = event_digest(
            previous, event_id=event_id, type=type, at=self.at, actor=actor, request_id=request_id, key_id="", data=text
        )
        query(_APPEND, event_id, type.value, self._stored_at, actor, request_id, text, digest)
        query(_MOVE_HEAD, event_id, digest)
        return int(event_id)

    @property
    def _stored_at(self) -> object:
        """Return the time as the database stores it."""
        return connection.ops.adapt_datetimefield_value(self.at)


def _lost(lost: Losses) -> dict[str, Any]:
    counts = {"events": sum(lost.events.values()), "changes": len(lost.changes)} if lost.known else {}
    again = alive_again(lost.changes)[:MOST_KEYS]
    return {"known": lost.known, "events": None, "changes": None, **counts, "work_again": again}


def _earlier(earlier: Earlier) -> dict[str, Any]:
    again = earlier.alive_again[:MOST_KEYS]
    return {"file": _name(earlier.path), "events": earlier.events, "changes": earlier.changes, "work_again": again}


def _name(path: Path) -> str:
    """Return the last part of the path, because receivers of the event have no use for this host's directories."""
    return redact(printable(Path(path.name)))


def _user() -> str:
    """Return the name of the operating system user who runs the command, or the user ID if it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
