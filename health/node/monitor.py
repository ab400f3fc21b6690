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
from health.node.debounced_probe import Pulse
from health.node.identity import Node
from health.node.maintenance import NodeChores
from health.node.outages import end_outage, note_outage
from health.node.retry_log import Attempts
from health.node.store_probe import fault_of
from ratelimit.stores import BucketStore, BucketStoreError

LOOK_SECONDS: Final = 0.5
CONFIRM_SECONDS: Final = 0.1
RENEW_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
STORE: Final = DegradedBucketStore()

log = structlog.get_logger(__name__)


class NodeWatch:
    """Monitor of `node`, whose bucket store is `store`. `elapsed` is a clock in seconds that never steps.

    If the database is down it continues, and reports once the database is back. What it couldn't finish is done by
    its next looks, and by the first looks of the next monitor of this node.
    """

    def __init__(self, store: BucketStore, node: Node, *, elapsed: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._node = node
        self._elapsed = elapsed
        self._attempts = Attempts()
        self._chores = NodeChores(store, self._attempts)
        self._pulse = Pulse()
        # Whether the database records that the node is cut off. None: it may.
        self._told: bool | None = None
        self._tell_at = 0.0

    def run(self, stop: Event) -> None:
        """Look until `stop` is set. No failure ends it."""
        pause = 0.0
        while not stop.wait(pause):
            close_old_connections()
            try:
                pause = self.look(lambda: not stop.is_set())
            except Exception:
                log.exception("node_watch_failed")
                pause = LOOK_SECONDS
            finally:
                close_old_connections()
        if self._pulse.out_since is not None:
            # The host may end, and its DATA_DIR with it.
            self._chores.write_down(lambda: True)
        connections.close_all()

    def look(self, go_on: Callable[[], bool] = lambda: True) -> float:
        """Look once, and do what is due while `go_on` returns True. Return the seconds until the next look."""
        now, fault = self._elapsed(), fault_of(self._store)
        if self._pulse.saw(fault is None, now):
            self._turned(now, fault)
        if self._pulse.out_since is not None:
            self._tell_outage(now, now - self._pulse.out_since)
        elif fault is None and self._told is not False:
            self._tell_return(now, go_on)
        # Confirm a change of state quickly, before anything else is done.
        if self._pulse.doubtful:
            return CONFIRM_SECONDS
        self._chores.do_if_due(now, go_on, out=self._pulse.out_since is not None)
        return LOOK_SECONDS

    def _turned(self, now: float, fault: BucketStoreError | None) -> None:
        if fault is not None:
            log.error("node_cut_off", node=self._node.id, reason=f"BucketStoreError: {fault}")
        else:
            log.info("node_back", node=self._node.id)
        # A return is reported even if the outage never was.
        self._told = self._told or None
        self._tell_at = now
        self._chores.hurry(now)

    def _tell_outage(self, now: float, lasted: float) -> None:
        if now < self._tell_at:
            return
        self._tell_at = now + RETRY_SECONDS
        with self._attempts.at("tell_outage"):
            if note_outage(self._node, lasted=timedelta(seconds=lasted)) or not self._told:
                # None until the evaluation succeeds: if it fails, the next look tries again.
                self._told = None
                _judge()
            self._told = True
            self._tell_at = now + RENEW_SECONDS

    def _tell_return(self, now: float, go_on: Callable[[], bool]) -> None:
        """Report that the store is back, after what the node granted itself is charged."""
        if now < self._tell_at:
            return
        self._tell_at = now + RETRY_SECONDS
        # Charge first: once the return is reported, no key has more than one bucket.
        self._chores.charge_back(go_on)
        with self._attempts.at("tell_return"):
            self._told = end_outage(self._node) or self._told
            if self._told:
                _judge()
            self._told = False
            self._chores.do_at_once()


def _judge() -> None:
    sweep([STORE], now=timezone.now(), request_id=uuid4().hex)


def watch_over(store: BucketStore, data_dir: Path, stop: Event) -> None:
    """Watch the node of `data_dir` until `stop` is set, as soon as no other process does."""
    node = _claim(data_dir)
    while node is None and not stop.wait(LOOK_SECONDS):
        node = _claim(data_dir)
    if node is not None:
        NodeWatch(store, node).run(stop)


def _claim(data_dir: Path) -> Node | None:
    """Return the node, or None if another process watches it."""
    try:
        return Node.claim(data_dir)
    except OSError:
        log.exception("node_not_named")
        # A node that can't keep its ID can still report that it's cut off.
        return Node.nameless()
