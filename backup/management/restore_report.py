"""Report of `manage.py restore`: where the data is, whether the event log is intact, and what is lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apikeys.management.key_command import table
from backup.files import printable
from backup.loss_file import EarlierRestore
from backup.losses import Losses, reactivated_keys
from backup.manifest import Manifest
from backup.restore_progress import RestoreProgress

_BUCKETS: Final[Mapping[str, str]] = {
    "kept": " The current buckets are kept, because they are newer than the backup.",
    "restored": " The buckets were restored too.",
    "none": " The backup has no buckets: each bucket starts full, or as it is here.",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The report's contents.

    `progress` is None for a check without a restore. `lost` is None if the database was empty. `earlier` are previous
    restores whose losses the database still lacked when this one started.
    """

    manifest: Manifest
    progress: RestoreProgress | None
    lost: Losses | None
    earlier: Sequence[EarlierRestore]

    def text(self) -> str:
        """Return the report for people, without the lines about the backup itself."""
        parts = [_outcome(self.progress)] if self.progress else []
        parts += [_loss_text(self.lost, restored=self.progress is not None)] if self.lost else []
        if self.progress and self.progress.losses:
            parts.append(f"These lines are also in {printable(self.progress.losses)}.")
        parts += [_earlier_text(earlier) for earlier in self.earlier]
        return "".join(f"\n{part}\n" for part in parts)

    def as_json(self) -> dict[str, object]:
        """Return the report for programs."""
        result: dict[str, object] = {"restored": self.progress is not None, "backup": self.manifest.as_json()}
        lost = self.lost
        return {
            **result,
            **(_as_json(self.progress) if self.progress else {}),
            "lost": None if lost is None else {"known": lost.known, "events": lost.events, "changes": lost.changes},
            "earlier": [
                {"file": printable(found.path), "work_again": found.reactivated_keys} for found in self.earlier
            ],
        }


def _outcome(progress: RestoreProgress) -> str:
    replaced = f" The previous database is now {printable(progress.replaced)}." if progress.replaced else ""
    if not progress.finished:
        return (
            f"The database IS replaced, but the restore did not finish.{replaced} Do not start a server. Repeat the "
            "restore to finish it."
        )
    return f"Restored.{replaced}{_BUCKETS[progress.buckets]}\n{_log_state(progress)}"


def _log_state(progress: RestoreProgress) -> str:
    if progress.pending:
        return "The backup is from an older version. Run: manage.py migrate, then manage.py verify_event_log"
    if progress.broken is not None:
        return f"The event log is broken at event {progress.broken.event_id}: {progress.broken.reason}."
    return f"The event log is intact: {progress.last_event} events.\n{_acknowledgement_hint(progress)}"


def _acknowledgement_hint(progress: RestoreProgress) -> str:
    return (
        f"Event {progress.event} records this restore. Health is degraded until you acknowledge it: "
        "manage.py grant_waiver restored_backup --ends-in 1d --reason TEXT"
    )


def _loss_text(lost: Losses, *, restored: bool) -> str:
    count = sum(lost.events.values())
    is_lost = ("were lost" if count > 1 else "was lost") if restored else "would be lost"
    if not lost.known:
        return f"What {is_lost} is unknown: the event log here cannot be read, or does not continue the backup's."
    if not count:
        return f"Nothing {is_lost}: the event log here ends where the backup's ends."
    head = f"{count} {'event' if count == 1 else 'events'} of the event log {is_lost}"
    if not lost.changes:
        return f"{head}, but no change to a key, webhook, waiver or user."
    alive = reactivated_keys(lost.changes)
    again = f"\n\nRevoked or disabled keys that work again: {', '.join(alive)}" if alive else ""
    return f"{head}. Review these changes, and repeat those that are still needed:\n\n{table(lost.changes)}{again}"


def _earlier_text(earlier: EarlierRestore) -> str:
    keys = (
        f" Keys that work again because of it: {', '.join(earlier.reactivated_keys)}."
        if earlier.reactivated_keys
        else ""
    )
    return f"An earlier restore lost changes that are still missing. {printable(earlier.path)} lists them.{keys}"


def _as_json(progress: RestoreProgress) -> dict[str, object]:
    broken = progress.broken
    return {
        "finished": progress.finished,
        "replaced": printable(progress.replaced) if progress.replaced else None,
        "losses_file": printable(progress.losses) if progress.losses else None,
        "buckets": progress.buckets,
        "event": progress.event,
        "pending_migrations": progress.pending,
        "first_break": {"id": broken.event_id, "reason": broken.reason} if broken else None,
    }
