"""Node monitor: reports immediately when the bucket store of a node goes down and comes back.

It loses nothing of what the node decided itself in between. Each node has one monitor, in its steward's process,
even if another steward holds the lease: one process does the shared work, but only the node itself can see whether
it's cut off.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final
from uuid import uuid4

import structlog
from django.db import close_old_connections, connections
from django.utils import timezone

from health.guard_rails.operation import DegradedBucketStore
from health.incidents import sweep
from health.node.debounced_probe import DebouncedProbe
from health.node.identity import Node
from health.node.maintenance import NodeMaintenance
from health.node.outages import end_outage, record_outage
from health.node.retry_log import RetryLog
from health.node.store_probe import probe_store
from ratelimit.stores import BucketStore, BucketStoreError

CHECK_SECONDS: Final = 0.5
CONFIRM_SECONDS: Final = 0.1
RENEW_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
STORE: Final = DegradedBucketStore()

log = structlog.get_logger(__name__)


class NodeMonitor:
    """Monitor of `node`, whose bucket store is `store`. `elapsed` is a clock in seconds that never steps.

    If the database is down it continues, and reports once the database is back. What it couldn't finish is done by
    its next checks, and by the first checks of the next monitor of this node.
    """

    def __init__(self, store: BucketStore, node: Node, *, elapsed: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._node = node
        self._elapsed = elapsed
        self._retry_log = RetryLog()
        self._maintenance = NodeMaintenance(store, self._retry_log)
        self._probe = DebouncedProbe()
        # Whether the database records that the node is cut off. None: it may.
        self._reported: bool | None = None
        self._report_at = 0.0

    def run(self, stop: Event) -> None:
        """Check until `stop` is set. No failure ends it."""
        pause = 0.0
        while not stop.wait(pause):
            close_old_connections()
            try:
                pause = self.check(lambda: not stop.is_set())
            except Exception:
                log.exception("node_watch_failed")
                pause = CHECK_SECONDS
            finally:
                close_old_connections()
        if self._probe.down_since is not None:
            # The host may end, and its DATA_DIR with it.
            self._maintenance.write_usage(lambda: True)
        connections.close_all()

    def check(self, should_continue: Callable[[], bool] = lambda: True) -> float:
        """Probe the store once, and do what is due while `should_continue` returns True.

        Return the seconds until the next check.
        """
        now, fault = self._elapsed(), probe_store(self._store)
        if self._probe.record(fault is None, now):
            self._state_changed(now, fault)
        if self._probe.down_since is not None:
            self._report_outage(now, now - self._probe.down_since)
        elif fault is None and self._reported is not False:
            self._report_recovery(now, should_continue)
        # Confirm a change of state quickly, before anything else is done.
        if self._probe.is_unconfirmed:
            return CONFIRM_SECONDS
        self._maintenance.run_if_due(now, should_continue, store_is_down=self._probe.down_since is not None)
        return CHECK_SECONDS

    def _state_changed(self, now: float, fault: BucketStoreError | None) -> None:
        if fault is not None:
            log.error("node_cut_off", node=self._node.id, reason=f"BucketStoreError: {fault}")
        else:
            log.info("node_back", node=self._node.id)
        # A return is reported even if the outage never was.
        self._reported = self._reported or None
        self._report_at = now
        self._maintenance.schedule_soon(now)

    def _report_outage(self, now: float, lasted: float) -> None:
        if now < self._report_at:
            return
        self._report_at = now + RETRY_SECONDS
        with self._retry_log.attempt("report_outage"):
            if record_outage(self._node, lasted=timedelta(seconds=lasted)) or not self._reported:
                # None until the evaluation succeeds: if it fails, the next check tries again.
                self._reported = None
                _evaluate()
            self._reported = True
            self._report_at = now + RENEW_SECONDS

    def _report_recovery(self, now: float, should_continue: Callable[[], bool]) -> None:
        """Report that the store is back, after what the node granted itself is charged."""
        if now < self._report_at:
            return
        self._report_at = now + RETRY_SECONDS
        # Charge first: once the return is reported, no key has more than one bucket.
        self._maintenance.reconcile(should_continue)
        with self._retry_log.attempt("report_recovery"):
            self._reported = end_outage(self._node) or self._reported
            if self._reported:
                _evaluate()
            self._reported = False
            self._maintenance.schedule_now()


def _evaluate() -> None:
    sweep([STORE], now=timezone.now(), request_id=uuid4().hex)


def monitor_node(store: BucketStore, data_dir: Path, stop: Event) -> None:
    """Monitor the node of `data_dir` until `stop` is set, as soon as no other process does."""
    node = _claim(data_dir)
    while node is None and not stop.wait(CHECK_SECONDS):
        node = _claim(data_dir)
    if node is not None:
        NodeMonitor(store, node).run(stop)


def _claim(data_dir: Path) -> Node | None:
    """Return the node, or None if another process monitors it."""
    try:
        return Node.claim(data_dir)
    except OSError:
        log.exception("node_not_named")
        # A node that can't keep its ID can still report that it's cut off.
        return Node.ephemeral()
