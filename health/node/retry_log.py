"""Retry log: work that is tried again until it succeeds."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)


class Attempts:
    """Isolation of pieces of work: if one fails, the others still run.

    Only the first of several failures in a row is logged.
    """

    def __init__(self) -> None:
        self._failing: set[str] = set()

    @contextmanager
    def at(self, work: str) -> Iterator[None]:
        """Run the block as an attempt at `work`. Log its error instead of raising it: the caller tries again later."""
        try:
            yield
        except Exception:
            if work not in self._failing:
                self._failing.add(work)
                log.exception("node_watch_delayed", work=work)
        else:
            self._failing.discard(work)
