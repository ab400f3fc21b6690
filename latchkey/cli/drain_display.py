"""The drain on standard error: one line that changes on a terminal, a line for each news elsewhere."""

import sys
from datetime import datetime

from latchkey.timestamps import rfc3339


class DrainDisplay:
    """Shows how the retiring secret falls quiet."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._live = sys.stderr.isatty()
        self._shown: object = self

    def show(self, last_used_at: datetime | None, quiet: float | None, ends_at: datetime | None) -> None:
        """Show the old secret's last use and end, and for how many seconds the new one has been in use alone: None if
        it was never used.
        """
        used = rfc3339(last_used_at) if last_used_at else "never"
        ends = f"; it ends {rfc3339(ends_at)}" if ends_at else ""
        waits = "the new one is not used yet" if quiet is None else f"quiet {_clock(quiet)} of {self._whole}"
        text = f"old secret: last used {used}, {waits}{ends}"
        news = (last_used_at, quiet is None)
        if self._live:
            sys.stderr.write(f"\r\x1b[K{text}")
        elif news != self._shown:
            sys.stderr.write(f"{text}\n")
        self._shown = news
        sys.stderr.flush()

    def close(self) -> None:
        """Leaves the last state standing."""
        if self._live and self._shown is not self:
            sys.stderr.write("\n")

    @property
    def _whole(self) -> str:
        return _clock(self._quiet_seconds)


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
