"""Node of the simulation: a worker with its leases, in virtual time."""

from benchmarks.leasing.shared import SharedBucket
from ratelimit.bucket import TakeRequest
from ratelimit.leases import LeaseBook, is_leasable


class Node:
    """A node that decides like `LeasingStore` of the limiter; `most` is TOKEN_LEASE, 0 for no leases."""

    def __init__(self, store: SharedBucket, most: int) -> None:
        self._store = store
        self._book = LeaseBook(most) if most else None

    def take(self, asked: TakeRequest, count: int, now_ns: int) -> int:
        """Decide `count` requests of one event loop iteration; return how many pass."""
        book = self._book
        if book is None or not is_leasable(asked):
            return self._store.take_each(asked, count, now_ns)
        passed = _spend(book, asked, count, now_ns)
        if passed == count:
            return passed
        passed, behind = passed + self._lease(book, asked, count - passed, now_ns), count - passed - 1
        paid = _spend(book, asked, behind, now_ns)
        exact = self._store.take_each(asked, behind - paid, now_ns) if behind > paid else 0
        return passed + paid + exact

    def give_back(self, now_ns: int) -> None:
        """Return the tokens of ended leases to the store, like the worker's periodic sweep."""
        if self._book:
            for key, lease in self._book.pop_expired(now_ns):
                self._store.give_back(key, lease.limit, lease.unspent, now_ns)

    def _lease(self, book: LeaseBook, asked: TakeRequest, waiting: int, now_ns: int) -> bool:
        """Lease tokens for `waiting` requests; return whether the first of them passes.

        The tokens beyond its own cost are for the requests after it.
        """
        wish = book.tokens_to_request(asked, waiting, now_ns)
        book.pop_uncounted(asked)
        outcome, granted = self._store.take_ahead(asked, wish, now_ns)
        return (book.record_grant(asked, wish - asked[2], outcome, now_ns) if granted else outcome)[0]


def _spend(book: LeaseBook, asked: TakeRequest, count: int, now_ns: int) -> int:
    """Pay for up to `count` requests from a lease; return how many it paid for."""
    for paid in range(count):
        if book.spend(asked, now_ns) is None:
            return paid
    return count
