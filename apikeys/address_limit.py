"""AUTH_FAILURE_LIMIT: how many attempts a client address may make, and what it may still do beyond the limit."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final

from django.conf import settings

from apikeys.errors import QuotaExceeded
from ratelimit.address_attempts import AttemptKind
from ratelimit.limit import Limit, parse_limit_text
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.stores import BucketStoreError

# An address that is over its limit still gets a few queries. Otherwise a valid credential that this process has
# not cached yet would be rejected for the failures of other clients behind the same address.
LOOK_UP_SECONDS: Final = 2.0
LOOK_UP_BURST: Final = 2
CAPACITY: Final = 10_000


_DETAILS: Final = {
    AttemptKind.CREDENTIAL: "Too many failed authentications from this address.",
    AttemptKind.SIGN_IN: "Too many sign-ins from this address.",
}


class AddressLimit:
    """Token bucket of each client address for one kind of attempt. All threads share it.

    It also limits how many queries an address can cause while it is over its limit, in this process:
    LOOK_UP_BURST, and one more every LOOK_UP_SECONDS. `clock` returns seconds and never goes back.
    """

    def __init__(
        self, limiter: Limiter, limit: Limit, attempt: AttemptKind, clock: Callable[[], float] = monotonic
    ) -> None:
        self._limiter = limiter
        self._limit = limit
        self._attempt = attempt
        self._clock = clock
        self._lock = Lock()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def charge(self, address: str) -> QuotaExceeded | None:
        """Take one token of the address's bucket. Return the error to raise if there is none, or None.

        May raise BucketStoreError.
        """
        decision = self._limiter.take_for_address(address, self._limit, self._attempt)
        self._record(address, over=not decision.allowed)
        if decision.allowed:
            return None
        return QuotaExceeded(
            _DETAILS[self._attempt],
            violated_policies=["address"],
            retry_after_seconds=decision.retry_after_seconds,
        )

    def pay_for_lookup(self, address: str) -> bool:
        """Charge the address for a query if it has to pay for that in advance. Return whether it has paid.

        An address within its limit pays only if the attempt fails. Raises QuotaExceeded if the address is over its
        limit and has used up its queries. May raise BucketStoreError.
        """
        if self._may_look_up(address):
            return False
        error = self.charge(address)
        if error is not None:
            raise error
        return True

    def _may_look_up(self, address: str) -> bool:
        """Return whether the address may cause a query without paying for it first."""
        with self._lock:
            known = self._addresses.get(address)
            if known is None or not known.over:
                return True
            now = self._clock()
            # GCRA, as in `ratelimit.bucket`: `full_at` is the time at which all queries are available again.
            full_at = max(known.full_at, now) + LOOK_UP_SECONDS
            if full_at > now + LOOK_UP_BURST * LOOK_UP_SECONDS:
                return False
            known.full_at = full_at
            return True

    def _record(self, address: str, *, over: bool) -> None:
        """Remember whether the address is over its limit."""
        with self._lock:
            known = self._addresses.get(address)
            if known is None:
                if not over:
                    return
                known = self._addresses[address] = _Address()
            # Keep `full_at`: an address that is below its limit for a moment doesn't get its queries back.
            known.over = over
            self._addresses.move_to_end(address)
            if len(self._addresses) > CAPACITY:
                self._addresses.popitem(last=False)


@dataclass(slots=True)
class _Address:
    """State of an address that was over its limit at least once.

    `over` says whether it still is. `full_at` is when all of its queries are available again.
    """

    over: bool = True
    full_at: float = 0.0


def failure_limit() -> Limit:
    """Return AUTH_FAILURE_LIMIT. Raises ValueError if it is unlimited or invalid; a system check reports both."""
    limit = parse_limit_text(settings.AUTH_FAILURE_LIMIT)
    if limit is None:
        raise ValueError("AUTH_FAILURE_LIMIT cannot be unlimited")
    return limit


def charge_sign_in(address: str) -> QuotaExceeded | None:
    """Charge a sign-in to the admin to its address, before the password is hashed. Return the error to raise, or
    None.

    Every sign-in is charged, successful or not.
    """
    try:
        return sign_in_limit().charge(address)
    except BucketStoreError:
        # The bucket store is down, and that is when operators need the admin. So nothing is charged.
        return None


@cache
def sign_in_limit() -> AddressLimit:
    """Return the sign-in limit of this process, created once."""
    return AddressLimit(default_limiter(), failure_limit(), AttemptKind.SIGN_IN)
