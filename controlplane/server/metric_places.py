"""Where the metrics of a process count: the processes of one server have a place each, for a scrape of any worker to
add up.
"""

from typing import Any, Final

from prometheus_client import values

from controlplane.server.metric_files import MetricFile

_UNPLACED: "Final[list[UnplacedValue]]" = []


class UnplacedValue:
    """A metric's value in a process that loads everything and then forks: in memory, until `count_as` gives the fork
    files of its own.
    """

    _multiprocess = True

    def __init__(self, *described: Any, **options: Any) -> None:
        self._description = described, options
        self._stand_on(values.MutexValue)
        _UNPLACED.append(self)

    def place(self) -> None:
        """Count in a file from now on. Source: the value of prometheus_client's multiprocess mode."""
        self._stand_on(values.ValueClass)

    def _stand_on(self, kind: Any) -> None:
        described, options = self._description
        value = kind(*described, **options)
        # Its methods become this object's, so that nothing is called in between for each request.
        self.inc, self.set, self.get = value.inc, value.set, value.get
        self.set_exemplar, self.get_exemplar = value.set_exemplar, value.get_exemplar


def count_later() -> None:
    """Keep the metrics that this process makes from now on in memory: the processes that it forks count."""
    values.ValueClass = UnplacedValue


def count_as(place: str) -> None:
    """Make this process count in the files of `place`, also by the metrics that exist already.

    A process that takes the place of one that ended goes on counting where that stopped: nothing that was counted is
    lost, and the files never grow in number.
    """
    values.MmapedDict = MetricFile  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
    for value in _UNPLACED:
        value.place()
    _UNPLACED.clear()
