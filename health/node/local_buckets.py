"""A node's own buckets: what it decided by itself while the bucket store was out, until that is charged and written."""

from collections.abc import Callable

from apikeys.address_limit import failure_limit
from apikeys.usage.rollup import UsageLedger
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStore, LmdbStore
from ratelimit.stores.fallback import FallbackStore


class OwnBuckets:
    """Those beside `store`. Nothing is done while there are none, so that a host which never had to decide by itself
    has no file of them, nor where nothing has changed since it was done: there may be a million to look at. Every
    method may raise BucketStoreError, and a DatabaseError where it writes down.
    """

    def __init__(self, store: FallbackStore, local: LmdbStore) -> None:
        self._store = store
        self._local = local
        self._ledger = UsageLedger(local)
        self._done: dict[str, int] = {}

    @classmethod
    def beside(cls, store: BucketStore) -> "OwnBuckets | None":
        """None beside a store that nothing stands in for."""
        if isinstance(store, FallbackStore) and store.local is not None:
            return cls(store, store.local)
        return None

    def charge_back(self, go_on: Callable[[], bool]) -> None:
        """Charges to the store what they lack."""
        self._where_changed("charge_back", self._store.charge_back, go_on)

    def write_down(self, go_on: Callable[[], bool]) -> None:
        """Writes down what they have counted, each request once."""
        self._where_changed("write_down", lambda go_on: self._ledger.write_down(go_on) >= 0, go_on)

    def tidy(self) -> None:
        """Frees what killed processes held, and forgets addresses whose bucket is full again."""
        if self._local.exists:
            self._local.tidy()
            Limiter(self._local).forget_idle_addresses(failure_limit())

    def _where_changed(self, name: str, work: Callable[[Callable[[], bool]], bool], go_on: Callable[[], bool]) -> None:
        if not self._local.exists:
            return
        changes = self._local.changes()  # before the work: what changes meanwhile is looked at the next time
        if self._done.get(name) != changes and work(go_on) and go_on():
            self._done[name] = changes
