"""Memory of a server: the total of all its processes, in which a shared page counts once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

_POLL_SECONDS: Final = 0.1
# PSS (proc_pid_smaps(5)) divides a shared page among its processes, so the sum over all processes counts it once.
_ANONYMOUS: Final = re.compile(r"^Pss_Anon:\s+(\d+) kB$", re.MULTILINE)


def processes_of(ancestor: int) -> list[int]:
    """Return the IDs of a process and of all its descendants."""
    parents = {int(found.parent.name): _parent(found) for found in Path("/proc").glob("[0-9]*/stat")}
    known = [ancestor]
    for parent in known:
        known += [process for process, of in parents.items() if of == parent]
    return known


def memory_mb(processes: list[int]) -> float:
    """Return the anonymous memory of the processes in MB."""
    # Without pages of files, which the kernel can reclaim at any time.
    return sum(map(_kib, processes)) / 1024


class Peak:
    """The maximum memory of the processes, in MB, over all measurements so far."""

    def __init__(self, processes: list[int]) -> None:
        self._processes = processes
        self.mb = memory_mb(processes)

    def look(self) -> None:
        """Measure once."""
        self.mb = max(self.mb, memory_mb(self._processes))


@contextmanager
def watched(processes: list[int]) -> Iterator[Peak]:
    """Measure the processes on a thread every 0.1 seconds while the context lasts."""
    peak, ended = Peak(processes), Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            peak.look()

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        peak.look()


def _parent(stat: Path) -> int:
    """Return the ID of the process's parent, or 0 if the process has ended."""
    try:
        # The command name can contain spaces and parentheses, so split after its closing one (proc_pid_stat(5)).
        return int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _kib(process: int) -> int:
    """Return the anonymous memory of the process in KiB, or 0 if it has ended."""
    try:
        found = _ANONYMOUS.search(Path(f"/proc/{process}/smaps_rollup").read_text(errors="replace"))
    except OSError:
        return 0
    return int(found[1]) if found else 0
