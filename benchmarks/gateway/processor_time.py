"""CPU time of processes. Unlike wall clock time, it hardly depends on what else a shared machine does."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
# The index of utime among the fields after the command name (proc_pid_stat(5)); the next one is stime.
_USER: Final = 11


def processor_seconds(processes: Sequence[int]) -> float:
    """Return the total CPU time of the processes so far in seconds, in user and kernel mode."""
    return sum(map(_ticks, processes)) / _TICKS_PER_SECOND


def _ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(fields[_USER]) + int(fields[_USER + 1])
