"""Metric slots: every process of a server writes to files of its own slot, and a scrape of any worker adds them up."""

from typing import Any, Final

from prometheus_client import values

from httpserver.metric_files import MetricFile

_DEFERRED: "Final[list[DeferredValue]]" = []


class DeferredValue:
    """Metric value of a process that loads the application and then forks.

    It counts in memory until `use_slot` gives the forked process its own files.
    """

    _multiprocess = True

    def __init__(self, *described: Any, **options: Any) -> None:
        self._description = described, options
        self._delegate_to(values.MutexValue)
        _DEFERRED.append(self)

    def move_to_file(self) -> None:
        """Count in a file from now on, with prometheus_client's multiprocess value."""
        self._delegate_to(values.ValueClass)

    def _delegate_to(self, kind: Any) -> None:
        described, options = self._description
        value = kind(*described, **options)
        # Bind the methods of the inner value directly, which saves a call for every metric of every request.
        self.inc, self.set, self.get = value.inc, value.set, value.get
        self.set_exemplar, self.get_exemplar = value.set_exemplar, value.get_exemplar


def defer_files() -> None:
    """Keep metrics that this process creates from now on in memory. Only the processes that it forks write files."""
    values.ValueClass = DeferredValue


def use_slot(slot: str) -> None:
    """Make this process count in the files of slot `slot`, including metrics that exist already.

    A process that replaces one that has ended continues from its values: nothing is lost, and the number of files
    does not grow.
    """
    values.MmapedDict = MetricFile  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
    for value in _DEFERRED:
        value.move_to_file()
    _DEFERRED.clear()
