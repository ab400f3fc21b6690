"""The time at which the server of this process started, by the clock of its supervisor."""

import os
from datetime import UTC, datetime


def served_since() -> datetime | None:
    """Return it, or None in a process that `serve` didn't start. Read from the environment each time, as processes
    that are forked from one that has loaded everything are given it late.
    """
    started = os.environ.get("LATCHKEY_STARTED_AT")
    return datetime.fromtimestamp(float(started), UTC) if started else None
