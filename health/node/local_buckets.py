"""Local buckets of a node: what it decided itself during an outage, until that is charged and written down."""

from collections.abc import Callable
from typing import Final

from apikeys.address_limit import failure_limit
from apikeys.usage.idle_counters import forget_idle_counters
from apikeys.usage.rollup import UsageRollup
from ratelimit.limit import NS_PER_SECOND
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStore, LmdbStore
from ratelimit.stores.fallback import FallbackStore

Work = Callable[[Callable[[], bool]], bool]
"""Work in batches. It gets `should_continue`, and returns whether it was completed."""

_SWEEP_EVERY_NS: Final = 3600 * NS_PER_SECOND


class LocalBuckets:
    """Local buckets next to `store`.

    Every method may raise BucketStoreError, and a DatabaseError if it writes to the database.
    """

    def __init__(self, store: FallbackStore, local: LmdbStore) -> None:
        self._store = store
        self._local = local
        self._rollup = UsageRollup(local)
        self._completed: dict[str, int] = {}
        self._sweep_due_ns = 0

    @classmethod
    def of(cls, store: BucketStore) -> "LocalBuckets | None":
        """Return the local buckets, or None for a store without a local fallback."""
        if isinstance(store, FallbackStore) and store.local is not None:
            return cls(store, store.local)
        return None

    def reconcile(self, should_continue: Callable[[], bool]) -> None:
        """Reconcile with the store: charge to it the tokens that the local buckets lack."""
        self._if_changed("reconcile", self._store.reconcile, should_continue)

    def write_usage(self, should_continue: Callable[[], bool]) -> None:
        """Write to the database what they have counted, each request once."""
        self._if_changed("write_usage", lambda go_on: self._rollup.write_pending(go_on) >= 0, should_continue)

    def tidy(self) -> None:
        """Free what killed processes held, and forget addresses whose bucket is full again, and idle counters."""
        if self._local.exists:
            self._local.clean_up()
            Limiter(self._local).forget_idle_addresses(failure_limit())
            now_ns = self._local.now_ns()
            if now_ns >= self._sweep_due_ns:
                self._sweep_due_ns = now_ns + _SWEEP_EVERY_NS
                forget_idle_counters(self._local)

    def _if_changed(self, name: str, work: Work, should_continue: Callable[[], bool]) -> None:
        """Do `work` if the buckets changed since it was last completed: there may be a million to look at."""
        # A host that never had to decide itself has no file, and this must not create one.
        if not self._local.exists:
            return
        # Read it before the work: what changes meanwhile is handled the next time.
        changes = self._local.last_transaction_id()
        if self._completed.get(name) != changes and work(should_continue) and should_continue():
            self._completed[name] = changes
