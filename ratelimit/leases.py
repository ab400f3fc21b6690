"""Token leases: a process takes tokens of a busy key ahead of use, and spends them without calling the bucket
store.

Leased tokens are already spent in the store. So a limit is never exceeded, however many processes hold leases, but
leased tokens may be used up to LEASE_NS later. The price is that other processes can be denied while a holder
still has tokens. How many tokens that can be is bounded by SHARE and by what the holder used recently. A holder
gives back what it does not spend within LEASE_NS.

This module does not access a store or a clock.
"""

from typing import Final

from ratelimit.bucket import Outcome, TakeRequest
from ratelimit.limit import Limit

LEASE_NS: Final = 1_000_000_000
SHARE: Final = 10
"""A lease is at most this fraction (1/SHARE) of a burst. Keys with a smaller burst are never leased."""


class TokenLease:
    """Tokens of one key that this process holds under one limit and epoch.

    Of the last grant, `unspent` tokens are left and `spent` tokens are used. `uncounted` requests were allowed
    with leased tokens and are not yet counted in the store. `debt` is the bucket's debt in ticks at `granted_ns`.
    The lease ends at `expires_ns`. The next grant asks for `size` tokens.
    """

    __slots__ = ("debt", "epoch", "expires_ns", "granted_ns", "limit", "size", "spent", "uncounted", "unspent")

    def __init__(self, limit: Limit, epoch: int, size: int, expires_ns: int = 0) -> None:
        self.limit = limit
        self.epoch = epoch
        self.size = size
        self.unspent = 0
        self.spent = 0
        self.uncounted = 0
        self.debt = 0
        self.granted_ns = 0
        self.expires_ns = expires_ns


def is_leasable(request: TakeRequest) -> bool:
    """Return whether tokens for the request's key may be taken ahead of use at all."""
    _, limit, cost, _, _, claims = request
    return limit is not None and not claims and cost <= limit.burst and limit.burst >= SHARE


class LeaseBook:
    """All leases of one process, with at most `max_tokens` tokens each. Each secret of a key has its own lease.

    Times are in nanoseconds of one clock that never goes back, which the caller chooses. Only one thread may use a
    book.
    """

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._leases: dict[tuple[bytes, int], TokenLease] = {}
        self._expired: list[tuple[bytes, TokenLease]] = []

    def spend(self, request: TakeRequest, now_ns: int) -> Outcome | None:
        """Return the outcome of the request if a lease pays for it, or None if the store has to decide it."""
        key, limit, cost, epoch, slot, claims = request
        lease = self._leases.get((key, slot))
        # The leased tokens are those of the key's own limit alone.
        if lease is None or claims or lease.unspent < cost or now_ns >= lease.expires_ns:
            return None
        # Comparing identity first is cheaper, and the limit of a cached record is nearly always the same object.
        if (lease.limit is not limit and lease.limit != limit) or lease.epoch != epoch:
            return None
        lease.unspent -= cost
        lease.spent += cost
        lease.uncounted += 1
        refilled = (now_ns - lease.granted_ns) * lease.limit.ticks
        # To the client, leased tokens that are still unspent count as remaining, although the store has taken
        # them.
        return True, max(0, lease.debt - lease.unspent * lease.limit.price - refilled), 0, epoch, ()

    def __len__(self) -> int:
        return len(self._leases) + len(self._expired)

    def tokens_to_request(self, request: TakeRequest, waiting: int, now_ns: int) -> int:
        """Return how many tokens to ask the store for with this request, including its own; 0 to take none ahead.

        `waiting` is the number of tokens that all waiting requests of the key ask for, including this one.
        """
        key, limit, cost, epoch, slot, _ = request
        if limit is None or not is_leasable(request):
            return 0
        lease = self._leases.get((key, slot))
        if lease is None:
            # The first request of a key within the time of a lease takes nothing ahead, because a second one may
            # not follow.
            lease = self._leases[key, slot] = TokenLease(limit, epoch, 0, now_ns + LEASE_NS)
        elif now_ns >= lease.expires_ns or lease.limit != limit or lease.epoch != epoch:
            lease = self._replace_lease(key, slot, lease, limit, epoch, now_ns)
        ahead = min(lease.size, self._max_tokens, limit.burst // SHARE)
        lease.size = max(1, lease.size)
        tokens = min(waiting + ahead, limit.burst)
        return tokens if tokens > cost else 0

    def pop_uncounted(self, request: TakeRequest) -> int:
        """Return how many requests the next call of the store has to count, and treat them as counted from now on."""
        lease = self._leases.get((request[0], request[4]))
        if lease is None:
            return 0
        uncounted, lease.uncounted = lease.uncounted, 0
        return uncounted

    def restore_uncounted(self, request: TakeRequest, uncounted: int) -> None:
        """Take back requests from `pop_uncounted` that the store did not count."""
        key, limit, _, epoch, slot, _ = request
        if uncounted and limit is not None:
            self._leases.setdefault((key, slot), TokenLease(limit, epoch, 1)).uncounted += uncounted

    def keep_uncounted(self, key: bytes, expired: TokenLease) -> None:
        """Keep the request counts of a lapsed lease because the store could not be reached to count them."""
        if expired.uncounted:
            # The tokens are not given back. The bucket refills them anyway, and a late credit could let more than
            # a burst through in a short window.
            expired.unspent = 0
            self._expired.append((key, expired))

    def record_grant(self, request: TakeRequest, tokens: int, outcome: Outcome, requested_ns: int) -> Outcome:
        """Record that the store granted `tokens` ahead of the request's own cost, and return the outcome for the
        client.

        `outcome` is the store's, and `requested_ns` is when the store was called. The returned outcome is the same,
        except that its debt does not include the leased tokens.
        """
        key, limit, _, epoch, slot, _ = request
        if limit is None:
            return outcome
        lease = self._leases.get((key, slot))
        if lease is None:
            lease = self._leases[key, slot] = TokenLease(limit, epoch, 1)
        elif lease.limit != limit or lease.epoch != epoch or (lease.unspent and requested_ns >= lease.expires_ns):
            lease = self._replace_lease(key, slot, lease, limit, epoch, requested_ns)
        else:
            # The lease was used up before its end, so the next one is larger.
            lease.size = min(2 * lease.size, self._max_tokens)
        allowed, debt, wait_ns, newest, states = outcome
        lease.unspent += tokens
        lease.spent = 0
        lease.debt, lease.granted_ns, lease.expires_ns = debt, requested_ns, requested_ns + LEASE_NS
        return allowed, max(0, debt - lease.unspent * limit.price), wait_ns, newest, states

    def pop_expired(self, now_ns: int) -> list[tuple[bytes, TokenLease]]:
        """Remove the leases that have ended from the book. Return those with tokens to give back or requests to
        count.
        """
        for (key, slot), lease in list(self._leases.items()):
            if now_ns < lease.expires_ns:
                continue
            # The key was used, so keep an empty lease. Its size starts at what was spent, if the key is used
            # again.
            if lease.spent:
                self._replace_lease(key, slot, lease, lease.limit, lease.epoch, now_ns)
            else:
                del self._leases[key, slot]
                self._expired.append((key, lease))
        expired, self._expired = self._expired, []
        return [(key, lease) for key, lease in expired if lease.unspent or lease.uncounted]

    def _replace_lease(
        self, key: bytes, slot: int, expired: TokenLease, limit: Limit, epoch: int, now_ns: int
    ) -> TokenLease:
        """Set a lease aside, to be given back, and return an empty lease that takes its place."""
        self._expired.append((key, expired))
        successor = self._leases[key, slot] = TokenLease(limit, epoch, max(1, expired.spent), now_ns + LEASE_NS)
        return successor
