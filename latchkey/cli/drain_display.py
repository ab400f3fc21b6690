"""Drain on standard error: one line that changes on a terminal, otherwise a line for each change."""

import sys
from datetime import datetime

from latchkey.timestamps import rfc3339


class DrainDisplay:
    """Display of a drain: when the retiring secret was last used, and for how long it has been idle."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._live = sys.stderr.isatty()
        # Nothing is shown yet: `self` differs from every state.
        self._shown: object = self

    def show(self, last_used_at: datetime | None, quiet: float | None, ends_at: datetime | None) -> None:
        """Show when the old secret was last used and when it ends.

        `quiet` is for how many seconds only the new secret has been in use, None if it was never used.
        """
        used = rfc3339(last_used_at) if last_used_at else "never"
        ends = f"; it ends {rfc3339(ends_at)}" if ends_at else ""
        waits = (
            "the new one is not used yet" if quiet is None else f"idle for {_format_duration(quiet)} of {self._target}"
        )
        text = f"old secret: last used {used}, {waits}{ends}"
        state = (last_used_at, quiet is None)
        if self._live:
            sys.stderr.write(f"\r\x1b[K{text}")
        elif state != self._shown:
            sys.stderr.write(f"{text}\n")
        self._shown = state
        sys.stderr.flush()

    def close(self) -> None:
        """End the line, so that the last state stays on the terminal."""
        if self._live and self._shown is not self:
            sys.stderr.write("\n")

    @property
    def _target(self) -> str:
        return _format_duration(self._quiet_seconds)


def _format_duration(seconds: float) -> str:
    """Return the seconds as hours, minutes and seconds, such as 1:02:03 or 2:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
