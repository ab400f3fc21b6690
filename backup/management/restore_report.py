"""Report of `manage.py restore`: where the data is, whether the event log is intact, and what is lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apikeys.management.key_command import table
from backup.files import printable
from backup.loss_file import Earlier
from backup.losses import Losses, alive_again
from backup.manifest import Manifest
from backup.restore_progress import Restored

_BUCKETS: Final[Mapping[str, str]] = {
    "kept": " The current buckets are kept, because they are newer than the backup.",
    "restored": " The buckets were restored too.",
    "none": " The backup has no buckets: each bucket starts full, or as it is here.",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The report's contents.

    `done` is None for a check without a restore. `lost` is None if the database was empty. `earlier` are previous
    restores whose losses the database still lacked when this one started.
    """

    manifest: Manifest
    done: Restored | None
    lost: Losses | None
    earlier: Sequence[Earlier]

    def text(self) -> str:
        """Return the report for people, without the lines about the backup itself."""
        parts = [_outcome(self.done)] if self.done else []
        parts += [_told(self.lost, done=self.done is not None)] if self.lost else []
        parts += [f"These lines are also in {printable(self.done.losses)}."] if self.done and self.done.losses else []
        parts += [_told_before(earlier) for earlier in self.earlier]
        return "".join(f"\n{part}\n" for part in parts)

    def as_json(self) -> dict[str, object]:
        """Return the report for programs."""
        result: dict[str, object] = {"restored": self.done is not None, "backup": self.manifest.as_json()}
        lost = self.lost
        return {
            **result,
            **(_as_json(self.done) if self.done else {}),
            "lost": None if lost is None else {"known": lost.known, "events": lost.events, "changes": lost.changes},
            "earlier": [{"file": printable(found.path), "work_again": found.alive_again} for found in self.earlier],
        }


def _outcome(done: Restored) -> str:
    replaced = f" The previous database is now {printable(done.replaced)}." if done.replaced else ""
    if not done.finished:
        return (
            f"The database IS replaced, but the restore did not finish.{replaced} Do not start a server. Repeat the "
            "restore to finish it."
        )
    return f"Restored.{replaced}{_BUCKETS[done.buckets]}\n{_verdict(done)}"


def _verdict(done: Restored) -> str:
    if done.pending:
        return "The backup is from an older version. Run: manage.py migrate, then manage.py verify_event_log"
    if done.broken is not None:
        return f"The event log is broken at event {done.broken.event_id}: {done.broken.reason}."
    return f"The event log is intact: {done.last_event} events.\n{_trace(done)}"


def _trace(done: Restored) -> str:
    return (
        f"Event {done.event} records this restore. Health is degraded until you acknowledge it: "
        "manage.py grant_waiver restored_backup --ends-in 1d --reason TEXT"
    )


def _told(lost: Losses, *, done: bool) -> str:
    count = sum(lost.events.values())
    is_lost = ("were lost" if count > 1 else "was lost") if done else "would be lost"
    if not lost.known:
        return f"What {is_lost} is unknown: the event log here cannot be read, or does not continue the backup's."
    if not count:
        return f"Nothing {is_lost}: the event log here ends where the backup's ends."
    head = f"{count} {'event' if count == 1 else 'events'} of the event log {is_lost}"
    if not lost.changes:
        return f"{head}, but no change to a key, webhook, waiver or user."
    alive = alive_again(lost.changes)
    again = f"\n\nRevoked or disabled keys that work again: {', '.join(alive)}" if alive else ""
    return f"{head}. Review these changes, and repeat those that are still needed:\n\n{table(lost.changes)}{again}"


def _told_before(earlier: Earlier) -> str:
    keys = f" Keys that work again because of it: {', '.join(earlier.alive_again)}." if earlier.alive_again else ""
    return f"An earlier restore lost changes that are still missing. {printable(earlier.path)} lists them.{keys}"


def _as_json(done: Restored) -> dict[str, object]:
    broken = done.broken
    return {
        "finished": done.finished,
        "replaced": printable(done.replaced) if done.replaced else None,
        "losses_file": printable(done.losses) if done.losses else None,
        "buckets": done.buckets,
        "event": done.event,
        "pending_migrations": done.pending,
        "first_break": {"id": broken.event_id, "reason": broken.reason} if broken else None,
    }
