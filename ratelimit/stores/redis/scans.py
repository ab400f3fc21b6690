"""Scans over what Redis has: records of keys, and counters that are written down or idle."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from ratelimit import unit_counters
from ratelimit.bucket import Record
from ratelimit.idle_counters import StoredCounter, is_idle
from ratelimit.limit import NS_PER_SECOND
from ratelimit.stores.base import KEY_PREFIX, UsageScan
from ratelimit.stores.redis import claim_encoding, layout
from ratelimit.stores.redis.reservations import RedisReservations
from ratelimit.stores.redis.scripts import FORGET
from ratelimit.unit_counters import UnitCounter

_SCAN_BATCH: Final = 1000
# take.lua updates a key's entry in the index only once in this time.
_INDEX_UPDATE_SECONDS: Final = 5


class RedisScans(RedisReservations):
    """Scans in no particular order, in batches. Every method raises BucketStoreError."""

    def scan_records(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        """Yield records in no particular order. If there is an index, only keys used since `since_ns` are read."""
        with self._store_errors():
            names = iter(self._record_names(prefix, since_ns))
            while batch := list(islice(names, _SCAN_BATCH)):
                for name, raw in zip(batch, self._values(batch), strict=True):
                    key = self.keys.key_of(name)
                    if raw is not None and key.startswith(prefix):
                        yield key, layout.parse_record(raw)

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        with self._store_errors():
            names = iter(self._unit_names(since_s))
            while batch := list(islice(names, _SCAN_BATCH)):
                for name, raw in zip(batch, self._values(batch), strict=True):
                    yield self.keys.unit_counter_of(name), unit_counters.load(raw)

    def scan_usage(self, since_ns: int) -> UsageScan:
        if not self.address.cluster:
            return UsageScan(self.scan_records(KEY_PREFIX, since_ns), self.scan_units(since_ns // NS_PER_SECOND))
        # Without indices, a scan reads the names of all keys. So both kinds are found by one.
        scan, since_s = self._scan(self.keys.usage_pattern(KEY_PREFIX)), since_ns // NS_PER_SECOND
        found: deque[tuple[bytes, UnitCounter]] = deque()

        def records() -> Iterator[tuple[bytes, Record]]:
            for name, value in scan:
                if self.keys.is_record(name):
                    yield self.keys.key_of(name), layout.parse_record(value)
                else:
                    found.extend(self._changed_unit(name, value, since_s))

        def units() -> Iterator[tuple[bytes, UnitCounter]]:
            while found:
                yield found.popleft()
            # If a pass ends early, not all records were read.
            for name, value in scan:
                if not self.keys.is_record(name):
                    yield from self._changed_unit(name, value, since_s)

        return UsageScan(records(), units())

    def idle_counters(self) -> Iterator[StoredCounter]:
        now_s = self.now_ns() // NS_PER_SECOND
        for pattern in self.keys.counter_patterns():
            for name, value in self._scan(pattern):
                counter = self.keys.counter_of(name)
                if counter is not None and is_idle(counter, claim_encoding.parse_counter(value), now_s):
                    yield StoredCounter(counter, value)

    def forget_counters(self, counters: Sequence[StoredCounter]) -> list[bytes]:
        index, deleted = [self.keys.units] if self.keys.units else [], list[bytes]()
        for group in self.keys.group_by_call(counters) if counters else ():
            names = [self.keys.counter(counter.name) for counter in group]
            found = self._run(FORGET, [*names, *index], [counter.value for counter in group])
            deleted += [counter.name for counter, is_deleted in zip(group, found, strict=True) if is_deleted]
        return deleted

    def _scan(self, pattern: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the names that match a pattern, with their values."""
        with self._store_errors():
            names = self._client.scan_iter(match=pattern, count=_SCAN_BATCH)
            while batch := list(islice(names, _SCAN_BATCH)):
                for name, value in zip(batch, self._values(batch), strict=True):
                    if value is not None:
                        yield name, value

    def _changed_unit(self, name: bytes, value: bytes, since_s: int) -> Iterator[tuple[bytes, UnitCounter]]:
        """Yield the counter of usage by unit that has this name and value, if it is one that changed since then."""
        counter = self.keys.counter_of(name)
        if counter is not None and counter.startswith(unit_counters.UNIT_PREFIX):
            loaded = unit_counters.load(value)
            if loaded.changed_s >= since_s:
                yield counter, loaded

    def _unit_names(self, since_s: int) -> Iterable[bytes]:
        if self.keys.units is None:
            scanned: Iterable[bytes] = self._client.scan_iter(match=self.keys.unit_pattern(), count=_SCAN_BATCH)
            return scanned
        # The index has all counters, because a late settlement changes one that isn't in use.
        return list(self._client.zrangebyscore(self.keys.units, since_s - _INDEX_UPDATE_SECONDS, "+inf"))

    def _record_names(self, prefix: bytes, since_ns: int) -> Iterable[bytes]:
        index = self.keys.index(prefix)
        if index is None or (index == self.keys.used and since_ns == 0):
            scanned: Iterable[bytes] = self._client.scan_iter(match=self.keys.scan_pattern(prefix), count=_SCAN_BATCH)
            return scanned
        # An index entry can be older than the key's last use by this much.
        since = since_ns // NS_PER_SECOND - _INDEX_UPDATE_SECONDS
        return list(self._client.zrangebyscore(index, since if since_ns else "-inf", "+inf"))
