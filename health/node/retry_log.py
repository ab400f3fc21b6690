"""Work that is tried time and again until it is done."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)


class Attempts:
    """Keeps what fails in one piece of work from all others. Of failures in a row the first is logged."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    @contextmanager
    def at(self, work: str) -> Iterator[None]:
        """An attempt at the work of this name; whoever makes it makes another one where it fails."""
        try:
            yield
        except Exception:
            if work not in self._failing:
                self._failing.add(work)
                log.exception("node_watch_delayed", work=work)
        else:
            self._failing.discard(work)
