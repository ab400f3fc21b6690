"""How far a restore came."""

from dataclasses import dataclass
from pathlib import Path

from events.continuity import Break


@dataclass(slots=True)
class Restored:
    """What is done and what is left, set while the restore goes on. `swapped` says that the database is that of the
    backup. `replaced` is where the old one is now, and `losses` the file that tells what it knew. `buckets` is
    `restored`, `kept` or `none`. `event` is the id of the event that tells of the restore, and `last_event` that of the
    log's last one. `broken` is the first break of the event log; it is not looked for if migrations are `pending`.
    """

    swapped: bool = False
    finished: bool = False
    replaced: Path | None = None
    losses: Path | None = None
    buckets: str = "none"
    event: int | None = None
    last_event: int | None = None
    pending: bool = False
    broken: Break | None = None
