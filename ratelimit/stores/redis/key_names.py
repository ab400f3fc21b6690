"""Names of keys in Redis, and how requests are grouped into calls of a script."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar
from uuid import uuid4

from ratelimit.bucket import TakeRequest
from ratelimit.claim import KEY_COUNTER_PREFIX, NO_POLICY, OWNER_PREFIX, Claim
from ratelimit.reservation import key_of, slot_id
from ratelimit.stores.base import ADDRESS_PREFIX, KEY_PREFIX
from ratelimit.stores.call_sequence import CallSequence, ScriptCall
from ratelimit.stores.redis.address import RedisAddress
from ratelimit.stores.redis.layout import encode_policy
from ratelimit.unit_counters import UNIT_PREFIX, is_unit_claim

EncodedRequest = tuple[TakeRequest, bytes]
"""A request, and its encoding for take.lua."""
Shift = tuple[bytes, bytes]
"""A key, and the encoding for shift.lua of the change to its bucket."""

_Item = TypeVar("_Item")
_GLOB_CHARACTERS: Final = b"*?[]\\^"


class KeyNames:
    """Names of records, call sequences and indices under the prefix of an address.

    Three indices avoid reading every record: `used` has the time of each key's last use, `addresses` lists the
    addresses that have a bucket, and `units` has the time of the last change of each counter of usage by unit. With
    Cluster they are None, because a script can only access the keys of one slot.
    """

    def __init__(self, address: RedisAddress) -> None:
        prefix = address.prefix.encode()
        self._cluster = address.cluster
        self._records = prefix + b"bucket:"
        self._sequences = prefix + b"line:"
        self._owner_counters = prefix + b"owner:"
        self.generation = prefix + b"generation"
        self.policy = prefix + b"policy"
        self.used = None if address.cluster else prefix + b"used"
        self.addresses = None if address.cluster else prefix + b"addresses"
        self.units = None if address.cluster else prefix + b"units"

    def record(self, key: bytes) -> bytes:
        """Return the name of the key's record."""
        return self._records + key

    def key_of(self, name: bytes) -> bytes:
        """Return the key whose record has this name."""
        return name.removeprefix(self._records)

    def counter(self, counter: bytes) -> bytes:
        """Return the name of the counter of a plan's limit, or of usage by unit."""
        if counter.startswith(UNIT_PREFIX):
            key, _, unit = counter.removeprefix(UNIT_PREFIX).rpartition(b":")
            return b"{%b}:u:%b" % (self.record(key), unit)
        if not counter.startswith(KEY_COUNTER_PREFIX):
            return self._owner_counters + counter.removeprefix(OWNER_PREFIX)
        key, _, limit_name = counter.removeprefix(KEY_COUNTER_PREFIX).rpartition(b":")
        # Redis Cluster hashes only what is in braces, so the counter is in the slot of the key's record.
        return b"{%b}:%b" % (self.record(key), limit_name)

    def unit_counter_of(self, name: bytes) -> bytes:
        """Return the counter of usage by unit that has this name."""
        key, _, unit = name.removeprefix(b"{" + self._records).rpartition(b"}:u:")
        return b"%b%b:%b" % (UNIT_PREFIX, key, unit)

    def reservation(self, name: bytes) -> bytes:
        """Return the name of a reservation's record."""
        return b"{%b}:r:%b" % (self.record(key_of(name)), slot_id(name))

    def open_reservations(self, key: bytes) -> bytes:
        """Return the name of the count of a key's open reservations."""
        return b"{%b}:r:open" % self.record(key)

    def record_or_counter(self, key: bytes) -> bytes:
        """Return the name of what is stored under `key` in other stores: a key's record, or a counter."""
        return self.counter(key) if key.startswith((KEY_COUNTER_PREFIX, OWNER_PREFIX)) else self.record(key)

    def can_decide(self, request: TakeRequest) -> bool:
        """Return whether one call of a script can access all that the request needs."""
        return self.can_claim(request[5])

    def can_claim(self, claims: Sequence[Claim]) -> bool:
        """Return whether one call of a script can access the counters of a key's claims together."""
        return not (self._cluster and any(claim.is_shared for claim in claims))

    def can_access(self, counter: bytes) -> bool:
        """Return whether a script that has the record of the counter's key can access the counter."""
        return not (self._cluster and counter.startswith(OWNER_PREFIX))

    def index(self, key: bytes) -> bytes | None:
        """Return the index that lists the key, or the keys that begin with it; None if there is none."""
        if key.startswith(ADDRESS_PREFIX):
            return self.addresses
        return self.used if key.startswith(KEY_PREFIX) else None

    def scan_pattern(self, prefix: bytes) -> bytes:
        """Return the pattern with which SCAN finds the records of keys that begin with `prefix`."""
        return _escaped(self._records + prefix) + b"*"

    def unit_pattern(self) -> bytes:
        """Return the pattern with which SCAN finds the counters of usage by unit."""
        return _escaped(b"{" + self._records) + b"*}:u:*"

    def usage_pattern(self, prefix: bytes) -> bytes:
        """Return the pattern with which SCAN finds the records of keys that begin with `prefix`, and their counters."""
        return b"*" + self.scan_pattern(prefix)

    def is_record(self, name: bytes) -> bool:
        """Return whether it is the name of a record."""
        return name.startswith(self._records)

    def counter_patterns(self) -> list[bytes]:
        """Return the patterns with which SCAN finds counters, and reservations."""
        of_keys = _escaped(b"{" + self._records) + b"*}:*"
        return [of_keys] if self._cluster else [of_keys, _escaped(self._owner_counters) + b"*"]

    def counter_of(self, name: bytes) -> bytes | None:
        """Return the counter that has this name; None if it is no counter of ours."""
        if name.startswith(self._owner_counters):
            return OWNER_PREFIX + name.removeprefix(self._owner_counters)
        if not name.startswith(b"{" + self._records):
            return None
        key, _, rest = name.removeprefix(b"{" + self._records).partition(b"}:")
        if rest.startswith(b"u:"):
            return self.unit_counter_of(name)
        return None if b":" in rest else b"%b%b:%b" % (KEY_COUNTER_PREFIX, key, rest)

    def group_by_call(self, items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
        """Yield the groups of items that one call of a script can handle: all of them, or single items with Cluster."""
        if not self._cluster:
            yield items
            return
        for item in items:
            yield [item]

    def new_sequence(self, timeout: float | None) -> CallSequence | None:
        """Return a sequence with a unique name; None with Cluster, whose scripts can only access the keys of one slot.

        `timeout` is for how many seconds a call of the sequence may be executed; None means without a limit.
        """
        return None if self._cluster else CallSequence(self._sequences + uuid4().hex.encode(), timeout)

    def take_arguments(
        self,
        requests: Sequence[EncodedRequest],
        now: bytes,
        call: ScriptCall | None,
        policy: int = NO_POLICY,
        own: Sequence[bytes] = (),
    ) -> tuple[list[bytes], list[bytes]]:
        """Return the key names and arguments for a call of take.lua, or of a script with further keys of its `own`.

        `policy` is the caller's number of the policies. With Cluster it is not checked, because their record is in a
        slot of its own.
        """
        names = [self._records + request[0] for request, _ in requests]
        if call is not None:
            names.append(call.sequence)
        policy = NO_POLICY if self._cluster else policy
        if policy != NO_POLICY:
            names.append(self.policy)
        counters = [self.counter(claim.counter) for request, _ in requests for claim in request[5]]
        names += [*counters, *own]
        # All keys of one call are of the same kind, so the first one determines the index.
        index = self.index(requests[0][0][0])
        if index is not None:
            names.append(index)
            # Claims on usage are the last ones of a request.
            if counters and self.units and any(r[5] and is_unit_claim(r[5][-1]) for r, _ in requests):
                names.append(self.units)
        numbered = b"" if call is None else call.argument()
        return names, [now, numbered, encode_policy(policy, len(counters)), *(request for _, request in requests)]

    def shift_arguments(self, shifts: Sequence[Shift], now: bytes) -> tuple[list[bytes], list[bytes]]:
        """Return the key names and arguments for a call of shift.lua."""
        return [self._records + key for key, _ in shifts], [now, *(shift for _, shift in shifts)]


def _escaped(name: bytes) -> bytes:
    """Return the pattern that only matches this name."""
    return b"".join(b"\\%c" % byte if byte in _GLOB_CHARACTERS else b"%c" % byte for byte in name)
