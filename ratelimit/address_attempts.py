"""Attempts of client addresses: each address has a bucket for each kind of them."""

from collections.abc import Iterator
from enum import StrEnum

from ratelimit.bucket import Record
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.store_calls import StoreCalls
from ratelimit.stores.base import ADDRESS_PREFIX


class AttemptKind(StrEnum):
    """Kinds of attempts that are limited per client address. The values are part of the keys in the store."""

    # Each kind has its own bucket. A service that keeps using an old credential doesn't keep administrators in the
    # same network from signing in.
    CREDENTIAL = ""
    SIGN_IN = "sign-in:"


class AddressAttempts(StoreCalls):
    """Takes tokens for the attempts of client addresses."""

    def take_for_address(self, address: str, limit: Limit, kind: AttemptKind = AttemptKind.CREDENTIAL) -> Decision:
        """Take one token from the bucket that limits such attempts from `address`."""
        return Decision(limit, *self._timed_take((ADDRESS_PREFIX + (kind + address).encode(), limit, 1, 0, 0, ())))

    def forget_idle_addresses(self, limit: Limit) -> int:
        """Delete the buckets of addresses that are full again under `limit`. Return how many were deleted."""
        # A full bucket carries no information, and an attacker with many addresses could fill the store with them.
        full_since_ns = self.store.now_ns() - limit.per_seconds * NS_PER_SECOND
        idle = [key for key, record in self.store.scan_records(ADDRESS_PREFIX) if record.used_ns < full_since_ns]
        for key in idle:
            # The time makes the store check again: the address may have been used since it was listed.
            self.store.forget(key, full_since_ns)
        return len(idle)

    def throttled_addresses(self, since_ns: int) -> Iterator[tuple[str, Record]]:
        """Yield the addresses that were denied an attempt and tried again at or after `since_ns`, with their
        records.

        An address that was denied both kinds of attempts is yielded twice.
        """
        for key, record in self.store.scan_records(ADDRESS_PREFIX):
            if record.throttled and record.used_ns >= since_ns:
                yield key.removeprefix(ADDRESS_PREFIX).decode().removeprefix(AttemptKind.SIGN_IN), record
