"""Loss files: what a restore undoes, written next to the database that it sets aside, before it does so."""

import json
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection

from backup.files import write_durably
from backup.losses import Losses, alive_again, continues
from events.models import ChainHead

_SUFFIX: Final = ".losses.json"


@dataclass(frozen=True, slots=True)
class Earlier:
    """Losses of an earlier restore that the current database still lacks.

    `alive_again` are key IDs. `events` and `changes` are the numbers that were lost, or None if they are unknown.
    """

    path: Path
    alive_again: list[str]
    events: int | None = None
    changes: int | None = None


def set_aside_path(stamp: str) -> Path:
    """Return the path for the old database: a file next to it (SQLite), or a backup in DATA_DIR (PostgreSQL)."""
    if connection.vendor == "sqlite":
        database = Path(connection.settings_dict["NAME"]).absolute()
        return database.with_name(f"{database.name}.replaced-{stamp}")
    return Path(settings.DATA_DIR / f"replaced-{stamp}")


def new_set_aside_path(stamp: str) -> Path:
    """Return the first unused such path, with a number after `stamp` if needed."""
    # Two restores may start within the same second.
    numbered = (set_aside_path(stamp if number == 1 else f"{stamp}-{number}") for number in count(1))
    return next(path for path in numbered if not path.exists() and not _losses_beside(path).exists())


def _losses_beside(aside: Path) -> Path:
    return aside.with_name(aside.name + _SUFFIX)


def write_losses(lost: Losses, backup: Path, aside: Path) -> Path:
    """Write the loss file next to `aside`, with the head of the replaced event log. Return its path. Raise OSError."""
    path = _losses_beside(aside)
    write_durably(path, json.dumps({"backup": str(backup), "head": _head(), **asdict(lost)}, indent=2) + "\n")
    return path


def earlier_losses() -> list[Earlier]:
    """Return the losses of every earlier restore whose replaced event log the current one does not continue."""
    pattern = set_aside_path("*")
    found = []
    for path in sorted(pattern.parent.glob(pattern.name + _SUFFIX)):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            # If the current log still contains that head, the restore never took place.
            if not _holds(told["head"]):
                found.append(_earlier(path, told))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Report an unreadable file too: its losses are unknown, but not nothing.
            found.append(Earlier(path, []))
    return found


def _earlier(path: Path, told: dict[str, Any]) -> Earlier:
    events, changes = (sum(told["events"].values()), len(told["changes"])) if told["known"] else (None, None)
    return Earlier(path, alive_again(told["changes"]), events, changes)


def _head() -> dict[str, Any] | None:
    try:
        head = ChainHead.objects.filter(id=1).first() or ChainHead(digest="")
        return {"last_id": head.last_id, "digest": head.digest}
    except (DatabaseError, ValueError, TypeError):
        return None


def _holds(head: dict[str, Any] | None) -> bool:
    try:
        return head is not None and continues(head["last_id"], head["digest"])
    except DatabaseError:
        return False
