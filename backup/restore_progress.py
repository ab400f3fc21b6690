"""Progress of a restore."""

from dataclasses import dataclass
from pathlib import Path

from events.chain_verification import Break


@dataclass(slots=True)
class Restored:
    """What is done, updated while the restore runs.

    `swapped`: the database is the backup's. `replaced`: where the old one is now. `losses`: the loss file.
    `buckets`: `restored`, `kept` or `none`. `event`: ID of the restore event. `last_event`: ID of the last event
    in the log. `broken`: first break of the event log, which is not searched for if migrations are `pending`.
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
