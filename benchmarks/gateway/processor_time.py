"""The processor time that processes have taken: unlike the clock's, hardly of the mood of a machine that others use."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_USER: Final = 11  # places behind the command's name in proc_pid_stat(5); the kernel's own is the next


def processor_seconds(processes: Sequence[int]) -> float:
    """The seconds that the processes have run so far, in their own code and in the kernel's."""
    return sum(map(_ticks, processes)) / _TICKS_PER_SECOND


def _ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(fields[_USER]) + int(fields[_USER + 1])
