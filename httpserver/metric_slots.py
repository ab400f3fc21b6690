"""Metric slots: every process of a server writes to files of its own slot, and a scrape of any worker adds them up."""

from typing import Any, Final

from prometheus_client import values

from httpserver.metric_files import MetricFile

_UNPLACED: "Final[list[DeferredValue]]" = []


class DeferredValue:
    """Metric value of a process that loads the application and then forks.

    It counts in memory until `use_slot` gives the forked process its own files.
    """

    _multiprocess = True

    def __init__(self, *described: Any, **options: Any) -> None:
        self._description = described, options
        self._stand_on(values.MutexValue)
        _UNPLACED.append(self)

    def place(self) -> None:
        """Count in a file from now on, with prometheus_client's multiprocess value."""
        self._stand_on(values.ValueClass)

    def _stand_on(self, kind: Any) -> None:
        described, options = self._description
        value = kind(*described, **options)
        # Bind the methods of the inner value directly, which saves a call for every metric of every request.
        self.inc, self.set, self.get = value.inc, value.set, value.get
        self.set_exemplar, self.get_exemplar = value.set_exemplar, value.get_exemplar


def defer_files() -> None:
    """Keep metrics that this process creates from now on in memory. Only the processes that it forks write files."""
    values.ValueClass = DeferredValue


def use_slot(place: str) -> None:
    """Make this process count in the files of slot `place`, including metrics that exist already.

    A process that replaces one that has ended continues from its values: nothing is lost, and the number of files
    does not grow.
    """
    values.MmapedDict = MetricFile  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
    for value in _UNPLACED:
        value.place()
    _UNPLACED.clear()
