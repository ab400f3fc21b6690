"""Local buckets of a node: what it decided itself during an outage, until that is charged and written down."""

from collections.abc import Callable

from apikeys.address_limit import failure_limit
from apikeys.usage.rollup import UsageLedger
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStore, LmdbStore
from ratelimit.stores.fallback import FallbackStore


class OwnBuckets:
    """Local buckets next to `store`.

    Every method may raise BucketStoreError, and a DatabaseError if it writes to the database.
    """

    def __init__(self, store: FallbackStore, local: LmdbStore) -> None:
        self._store = store
        self._local = local
        self._ledger = UsageLedger(local)
        self._done: dict[str, int] = {}

    @classmethod
    def beside(cls, store: BucketStore) -> "OwnBuckets | None":
        """Return the local buckets, or None for a store without a local fallback."""
        if isinstance(store, FallbackStore) and store.local is not None:
            return cls(store, store.local)
        return None

    def charge_back(self, go_on: Callable[[], bool]) -> None:
        """Reconcile with the store: charge to it the tokens that the local buckets lack."""
        self._where_changed("charge_back", self._store.reconcile, go_on)

    def write_down(self, go_on: Callable[[], bool]) -> None:
        """Write to the database what they have counted, each request once."""
        self._where_changed("write_down", lambda go_on: self._ledger.write_down(go_on) >= 0, go_on)

    def tidy(self) -> None:
        """Free what killed processes held, and forget addresses whose bucket is full again."""
        if self._local.exists:
            self._local.clean_up()
            Limiter(self._local).forget_idle_addresses(failure_limit())

    def _where_changed(self, name: str, work: Callable[[Callable[[], bool]], bool], go_on: Callable[[], bool]) -> None:
        """Do `work` if the buckets changed since it was last completed: there may be a million to look at."""
        # A host that never had to decide itself has no file, and this must not create one.
        if not self._local.exists:
            return
        # Read it before the work: what changes meanwhile is handled the next time.
        changes = self._local.last_transaction_id()
        if self._done.get(name) != changes and work(go_on) and go_on():
            self._done[name] = changes
