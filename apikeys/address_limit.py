"""AUTH_FAILURE_LIMIT: how many attempts a client address may make, and what it has left once it is over the limit."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from time import monotonic
from typing import Final

from django.conf import settings

from apikeys.errors import QuotaExceeded
from ratelimit.limit import Limit, limit_from_text
from ratelimit.limiter import Attempt, Limiter, default_limiter
from ratelimit.stores import BucketStoreError

LOOK_UP_SECONDS: Final = 2.0
LOOK_UP_BURST: Final = 2
CAPACITY: Final = 10_000


_DETAILS: Final = {
    Attempt.CREDENTIAL: "Too many failed authentications from this address.",
    Attempt.SIGN_IN: "Too many sign-ins from this address.",
}


class AddressLimit:
    """The bucket of each client address for one kind of attempt.

    It also bounds what an address that is over its limit costs the database: LOOK_UP_BURST look-ups, and one more each
    LOOK_UP_SECONDS, in this process, by `clock`, which is monotonic, in seconds. With none at all, a right credential
    that this process has not cached yet would be refused for what others behind the same address try. Threads share it.
    """

    def __init__(
        self, limiter: Limiter, limit: Limit, attempt: Attempt, clock: Callable[[], float] = monotonic
    ) -> None:
        self._limiter = limiter
        self._limit = limit
        self._attempt = attempt
        self._clock = clock
        self._lock = Lock()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def charge(self, address: str) -> QuotaExceeded | None:
        """Take one token of the address's bucket. Return the refusal if there is none. May raise BucketStoreError."""
        decision = self._limiter.take_for_address(address, self._limit, self._attempt)
        self._note(address, over=not decision.allowed)
        if decision.allowed:
            return None
        return QuotaExceeded(
            _DETAILS[self._attempt],
            violated_policies=["address"],
            retry_after_seconds=decision.retry_after_seconds,
        )

    def pay_for_look_up(self, address: str) -> bool:
        """Return False if the address may look in the database, and pays if the attempt fails; True if it has paid.

        Raise QuotaExceeded if it is over its limit, and has had its look-up. May raise BucketStoreError.
        """
        if self._may_look_up(address):
            return False
        refusal = self.charge(address)
        if refusal is not None:
            raise refusal
        return True

    def _may_look_up(self, address: str) -> bool:
        with self._lock:
            known = self._addresses.get(address)
            if known is None or not known.over:
                return True
            now = self._clock()
            full_at = max(known.full_at, now) + LOOK_UP_SECONDS
            if full_at > now + LOOK_UP_BURST * LOOK_UP_SECONDS:
                return False
            known.full_at = full_at
            return True

    def _note(self, address: str, *, over: bool) -> None:
        """Remember whether the address is over its limit. Its look-ups stay spent if it is not for a moment."""
        with self._lock:
            known = self._addresses.get(address)
            if known is None:
                if not over:
                    return
                known = self._addresses[address] = _Address()
            known.over = over
            self._addresses.move_to_end(address)
            if len(self._addresses) > CAPACITY:
                self._addresses.popitem(last=False)


@dataclass(slots=True)
class _Address:
    """An address that was over its limit: whether it still is, and when all of its look-ups are there again."""

    over: bool = True
    full_at: float = 0.0


def failure_limit() -> Limit:
    """AUTH_FAILURE_LIMIT; a system check refuses one that is unlimited or no limit."""
    limit = limit_from_text(settings.AUTH_FAILURE_LIMIT)
    if limit is None:
        raise ValueError("AUTH_FAILURE_LIMIT cannot be unlimited")
    return limit


def charge_sign_in(address: str) -> QuotaExceeded | None:
    """Charge a sign-in to the admin, right or wrong, before its password is hashed. Return the refusal of one too many.

    While the bucket store is out nothing is charged: that is when operators need the admin.
    """
    try:
        return sign_in_limit().charge(address)
    except BucketStoreError:
        return None


@cache
def sign_in_limit() -> AddressLimit:
    """The process's limit of sign-ins."""
    return AddressLimit(default_limiter(), failure_limit(), Attempt.SIGN_IN)
