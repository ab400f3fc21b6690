"""Node maintenance: what the node decided itself in an outage is charged to the bucket store, and written down."""

from collections.abc import Callable
from typing import Final

from health.node.local_buckets import LocalBuckets
from health.node.retry_log import RetryLog
from ratelimit.stores import BucketStore

FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 60.0


class NodeMaintenance:
    """Maintenance of a node whose bucket store is `store`.

    It's done often during an outage and right after it, and then less and less often.
    """

    def __init__(self, store: BucketStore, retry_log: RetryLog) -> None:
        self._local_buckets = LocalBuckets.of(store)
        self._retry_log = retry_log
        self._pause = FIRST_PAUSE_SECONDS
        self._due_at = 0.0

    def schedule_soon(self, now: float) -> None:
        """Do the maintenance soon: the store has gone down or has come back."""
        # Other processes of the node notice the end of an outage a little later, so once isn't enough.
        self._pause = FIRST_PAUSE_SECONDS
        self._due_at = min(self._due_at, now + FIRST_PAUSE_SECONDS)

    def schedule_now(self) -> None:
        """Make the maintenance due now."""
        self._due_at = 0.0

    def run_if_due(self, now: float, should_continue: Callable[[], bool], *, store_is_down: bool) -> None:
        """Do the maintenance if it's due. While the store is down, there is nothing to charge to."""
        if now < self._due_at:
            return
        self._due_at = now + self._pause
        self._pause = FIRST_PAUSE_SECONDS if store_is_down else min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        self.write_usage(should_continue)
        if self._local_buckets:
            with self._retry_log.attempt("tidy"):
                self._local_buckets.tidy()
        if not store_is_down:
            self.reconcile(should_continue)

    def reconcile(self, should_continue: Callable[[], bool]) -> None:
        """Reconcile with the store: charge to it the tokens that the node's local buckets lack."""
        if self._local_buckets:
            with self._retry_log.attempt("reconcile"):
                self._local_buckets.reconcile(should_continue)

    def write_usage(self, should_continue: Callable[[], bool]) -> None:
        """Write to the database what the node has counted."""
        if self._local_buckets:
            with self._retry_log.attempt("write_usage"):
                self._local_buckets.write_usage(should_continue)
