"""The memory of a server: that of all its processes. A page that several of them share counts once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

_POLL_SECONDS: Final = 0.1
_ANONYMOUS: Final = re.compile(r"^Pss_Anon:\s+(\d+) kB$", re.MULTILINE)


def processes_of(ancestor: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    parents = {int(found.parent.name): _parent(found) for found in Path("/proc").glob("[0-9]*/stat")}
    known = [ancestor]
    for parent in known:
        known += [process for process, of in parents.items() if of == parent]
    return known


def memory_mb(processes: list[int]) -> float:
    """Return the MB of the processes, without pages of files, which the system can drop at any time."""
    return sum(map(_kib, processes)) / 1024


class Peak:
    """The highest memory of the processes since this was created."""

    def __init__(self, processes: list[int]) -> None:
        self._processes = processes
        self.mb = memory_mb(processes)

    def update(self) -> None:
        """Measure once."""
        self.mb = max(self.mb, memory_mb(self._processes))


@contextmanager
def peak_memory(processes: list[int]) -> Iterator[Peak]:
    """Watch the processes on a thread, for as long as the context lasts."""
    peak, ended = Peak(processes), Event()

    def watch() -> None:
        while not ended.wait(_POLL_SECONDS):
            peak.update()

    thread = Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        peak.update()


def _parent(stat: Path) -> int:
    """Return 0 for a process that has ended."""
    try:
        return int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _kib(process: int) -> int:
    """Return 0 for a process that has ended."""
    try:
        found = _ANONYMOUS.search(Path(f"/proc/{process}/smaps_rollup").read_text(errors="replace"))
    except OSError:
        return 0
    return int(found[1]) if found else 0
