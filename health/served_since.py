"""Start time of the server of this process, by the clock of its supervisor."""

import os
from datetime import UTC, datetime


def served_since() -> datetime | None:
    """Return when the server started, or None in a process that `serve` didn't start."""
    # Read it each time: processes forked from one that has loaded everything get the variable late.
    started = os.environ.get("LATCHKEY_STARTED_AT")
    return datetime.fromtimestamp(float(started), UTC) if started else None
