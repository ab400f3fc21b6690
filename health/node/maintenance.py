"""Node maintenance: what the node decided itself in an outage is charged to the bucket store, and written down."""

from collections.abc import Callable
from typing import Final

from health.node.local_buckets import OwnBuckets
from health.node.retry_log import Attempts
from ratelimit.stores import BucketStore

FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 60.0


class NodeChores:
    """Maintenance of a node whose bucket store is `store`.

    It's done often during an outage and right after it, and then less and less often.
    """

    def __init__(self, store: BucketStore, attempts: Attempts) -> None:
        self._own = OwnBuckets.beside(store)
        self._attempts = attempts
        self._pause = FIRST_PAUSE_SECONDS
        self._due_at = 0.0

    def hurry(self, now: float) -> None:
        """Do the maintenance soon: the store has gone down or has come back."""
        # Other processes of the node notice the end of an outage a little later, so once isn't enough.
        self._pause = FIRST_PAUSE_SECONDS
        self._due_at = min(self._due_at, now + FIRST_PAUSE_SECONDS)

    def do_at_once(self) -> None:
        """Make the maintenance due now."""
        self._due_at = 0.0

    def do_if_due(self, now: float, go_on: Callable[[], bool], *, out: bool) -> None:
        """Do the maintenance if it's due. While the store is `out`, there is nothing to charge to."""
        if now < self._due_at:
            return
        self._due_at = now + self._pause
        self._pause = FIRST_PAUSE_SECONDS if out else min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        self.write_down(go_on)
        if self._own:
            with self._attempts.at("tidy"):
                self._own.tidy()
        if not out:
            self.charge_back(go_on)

    def charge_back(self, go_on: Callable[[], bool]) -> None:
        """Reconcile with the store: charge to it the tokens that the node's own buckets lack."""
        if self._own:
            with self._attempts.at("charge_back"):
                self._own.charge_back(go_on)

    def write_down(self, go_on: Callable[[], bool]) -> None:
        """Write to the database what the node has counted."""
        if self._own:
            with self._attempts.at("write_down"):
                self._own.write_down(go_on)
