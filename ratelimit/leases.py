"""Token leases: a process takes tokens of a busy key ahead, and spends them without asking the bucket store again.

Leased tokens are spent in the store already, so no more are ever spent than the limit has granted, however many hold
leases; but they may be spent up to LEASE_NS later. What it costs is that others are refused while a holder still has
tokens: how many these can be is bounded by SHARE and by what the holder needed lately; what it does not spend within
LEASE_NS it gives back.

Knows no store and no clock.
"""

from typing import Final

from ratelimit.bucket import Asked, Outcome
from ratelimit.limit import Limit

LEASE_NS: Final = 1_000_000_000
SHARE: Final = 10
"""A lease is at most this part of a burst: a key with a burst below it is never leased."""


class Lease:
    """Tokens of one key under one limit and epoch. `left` are unspent; `uncounted` requests passed with those that are
    spent, and the store does not know of them yet; `spent` are those of the last grant. `debt` is the bucket's, in
    ticks, at `since_ns`. The next grant is of `size` tokens.
    """

    __slots__ = ("debt", "ends_ns", "epoch", "left", "limit", "since_ns", "size", "spent", "uncounted")

    def __init__(self, limit: Limit, epoch: int, size: int, ends_ns: int = 0) -> None:
        self.limit = limit
        self.epoch = epoch
        self.size = size
        self.left = 0
        self.spent = 0
        self.uncounted = 0
        self.debt = 0
        self.since_ns = 0
        self.ends_ns = ends_ns


def may_lease(asked: Asked) -> bool:
    """Whether tokens may be taken ahead for a request's key at all."""
    _, limit, cost, _, _ = asked
    return limit is not None and cost <= limit.burst and limit.burst >= SHARE


class LeaseBook:
    """The leases of one process, `most` tokens each at the most; each secret of a key has its own. Times are in
    nanoseconds of any one clock that never steps back. One thread may use it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._leases: dict[tuple[bytes, int], Lease] = {}
        self._ended: list[tuple[bytes, Lease]] = []

    def spend(self, asked: Asked, now_ns: int) -> Outcome | None:
        """The outcome, where a lease pays for it; None where the store has to be asked."""
        key, limit, cost, epoch, slot = asked
        lease = self._leases.get((key, slot))
        if lease is None or lease.left < cost or now_ns >= lease.ends_ns:
            return None
        if (lease.limit is not limit and lease.limit != limit) or lease.epoch != epoch:
            return None
        lease.left -= cost
        lease.spent += cost
        lease.uncounted += 1
        refilled = (now_ns - lease.since_ns) * lease.limit.ticks
        return True, max(0, lease.debt - lease.left * lease.limit.price - refilled), 0, epoch

    def __len__(self) -> int:
        return len(self._leases) + len(self._ended)

    def wish(self, asked: Asked, waiting: int, now_ns: int) -> int:
        """How many tokens to ask for with this request, its own among them, while requests for `waiting` tokens, this
        one too, wait to be decided; 0 where none are to be taken ahead. None are for the first request of a key within
        the time of a lease, as a second one may not follow.
        """
        key, limit, cost, epoch, slot = asked
        if limit is None or not may_lease(asked):
            return 0
        lease = self._leases.get((key, slot))
        if lease is None:
            lease = self._leases[key, slot] = Lease(limit, epoch, 0, now_ns + LEASE_NS)
        elif now_ns >= lease.ends_ns or lease.limit != limit or lease.epoch != epoch:
            lease = self._follow(key, slot, lease, limit, epoch, now_ns)
        ahead = min(lease.size, self._most, limit.burst // SHARE)
        lease.size = max(1, lease.size)
        wish = min(waiting + ahead, limit.burst)
        return wish if wish > cost else 0

    def take_uncounted(self, asked: Asked) -> int:
        """The requests that the store is told of with the next question; they count as told from here on."""
        lease = self._leases.get((asked[0], asked[4]))
        if lease is None:
            return 0
        uncounted, lease.uncounted = lease.uncounted, 0
        return uncounted

    def return_uncounted(self, asked: Asked, uncounted: int) -> None:
        """Takes them back, as the store was not told."""
        key, limit, _, epoch, slot = asked
        if uncounted and limit is not None:
            self._leases.setdefault((key, slot), Lease(limit, epoch, 1)).uncounted += uncounted

    def put_uncounted(self, key: bytes, lapsed: Lease) -> None:
        """Keeps what a lapsed lease let pass, as the store could not be told."""
        if lapsed.uncounted:
            lapsed.left = 0
            self._ended.append((key, lapsed))

    def grant(self, asked: Asked, tokens: int, outcome: Outcome, asked_ns: int) -> Outcome:
        """Notes that the store, asked at `asked_ns`, gave `tokens` ahead of what the request cost; `outcome` is the
        store's, and what is returned is the same without the debt of these tokens. The key's next lease is larger, as
        this one was used up before its end.
        """
        key, limit, _, epoch, slot = asked
        if limit is None:
            return outcome
        lease = self._leases.get((key, slot))
        if lease is None:
            lease = self._leases[key, slot] = Lease(limit, epoch, 1)
        elif lease.limit != limit or lease.epoch != epoch or (lease.left and asked_ns >= lease.ends_ns):
            lease = self._follow(key, slot, lease, limit, epoch, asked_ns)
        else:
            lease.size = min(2 * lease.size, self._most)
        allowed, debt, wait_ns, newest = outcome
        lease.left += tokens
        lease.spent = 0
        lease.debt, lease.since_ns, lease.ends_ns = debt, asked_ns, asked_ns + LEASE_NS
        return allowed, max(0, debt - lease.left * limit.price), wait_ns, newest

    def lapsed(self, now_ns: int) -> list[tuple[bytes, Lease]]:
        """The leases that have ended, with what there is to give back and to count; they are gone from the book. A key
        that is asked for again begins with what it has spent.
        """
        for (key, slot), lease in list(self._leases.items()):
            if now_ns < lease.ends_ns:
                continue
            if lease.spent:
                self._follow(key, slot, lease, lease.limit, lease.epoch, now_ns)
            else:
                del self._leases[key, slot]
                self._ended.append((key, lease))
        ended, self._ended = self._ended, []
        return [(key, lease) for key, lease in ended if lease.left or lease.uncounted]

    def _follow(self, key: bytes, slot: int, ended: Lease, limit: Limit, epoch: int, now_ns: int) -> Lease:
        """Puts a lease aside, to be given back, and another one, empty, in its place."""
        self._ended.append((key, ended))
        following = self._leases[key, slot] = Lease(limit, epoch, max(1, ended.spent), now_ns + LEASE_NS)
        return following
