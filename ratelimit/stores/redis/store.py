"""Redis or Valkey bucket store: exact across all hosts, by the server's clock, with one round trip per operation."""

from collections.abc import Callable, Sequence
from threading import local
from typing import Any, Final
from uuid import uuid4

from ratelimit import unit_counters
from ratelimit.bucket import Outcome, Record, TakeRequest, convert_debt
from ratelimit.claim import NO_POLICY, Claim, Undecided
from ratelimit.limit import NS_PER_SECOND, CostExceedsBurst, Limit
from ratelimit.reservation import NewReservation, Reserved, TooManyReservations
from ratelimit.stores.base import BucketStoreError, BucketStoreUnavailable, Clock, OutcomeUnknown, TakeResult
from ratelimit.stores.call_sequence import CLOSED, CallSequence, ScriptCall
from ratelimit.stores.redis import layout, reservation_encoding
from ratelimit.stores.redis.address import TIMEOUT_SECONDS, RedisAddress
from ratelimit.stores.redis.claim_encoding import NO_CONVERSIONS, Conversions
from ratelimit.stores.redis.key_names import EncodedRequest
from ratelimit.stores.redis.layout import LimitChanged
from ratelimit.stores.redis.reservation_encoding import TOO_MANY_OPEN
from ratelimit.stores.redis.scans import RedisScans
from ratelimit.stores.redis.scripts import CHANGE, RESERVE, SHIFT, TAKE, Script
from ratelimit.unit_counters import UnitCounter

_ATTEMPTS: Final = 5
_INDEXED_SECONDS: Final = 3600
_PROBE: Final = b"probe"
# The same value as in take.lua.
_SEQUENCE_SECONDS: Final = 86_400
_TIME_NUMBERS: Final = 2
_Arguments = tuple[list[bytes], list[bytes]]
"""Key names and arguments of a script."""


class RedisStore(RedisScans):
    """Bucket store in Redis. Threads can share one instance.

    `clock` replaces the server's clock in tests.
    """

    shared = True
    remote = True
    rolls_back = True
    confirms_epochs = True

    def __init__(self, address: RedisAddress, clock: Clock | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        super().__init__(address, clock, timeout)
        self._sequences = local()

    def generation(self) -> str:
        with self._store_errors():
            self._client.set(self.keys.generation, uuid4().hex, nx=True)
            return bytes(self._client.get(self.keys.generation) or b"").decode("ascii")

    def take(
        self,
        key: bytes,
        limit: Limit | None,
        cost: int = 1,
        epoch: int = 0,
        slot: int = 0,
        claims: tuple[Claim, ...] = (),
        policy: int = NO_POLICY,
    ) -> Outcome:
        request = (key, limit, cost, epoch, slot, claims)
        conversions: Conversions = NO_CONVERSIONS
        # Another process may change a limit again between the conversion and the next attempt.
        for _ in range(_ATTEMPTS):
            try:
                return layout.outcome_or_raise(self._take_all([request], policy, conversions)[0])
            except LimitChanged as changed:
                if changed.key:
                    self.convert(key, limit)
                conversions = self.conversions_of(changed.claims)
        raise BucketStoreError(f"{self.url}: the limit of a key keeps changing")

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> list[TakeResult]:
        results = self._take_all(requests, policy)
        return [self._resolve(one, result, policy) for one, result in zip(requests, results, strict=True)]

    def reserve(self, request: TakeRequest, reservation: NewReservation, policy: int = NO_POLICY) -> Reserved:
        conversions: Conversions = NO_CONVERSIONS
        for _ in range(_ATTEMPTS):
            try:
                return self._reserve(request, reservation, policy, conversions)
            except LimitChanged as changed:
                if changed.key:
                    self.convert(request[0], request[1])
                conversions = self.conversions_of(changed.claims)
        raise BucketStoreError(f"{self.url}: the limit of a key keeps changing")

    def peek(self, key: bytes) -> Record:
        with self._store_errors():
            return layout.parse_record(self._client.get(self.keys.record(key)))

    def set_epoch(self, key: bytes, epoch: int) -> None:
        self._change(key, b"set_epoch", epoch)

    def reset(self, key: bytes) -> None:
        self._change(key, b"reset")

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        since = ("", "") if unused_since_ns is None else divmod(unused_since_ns, NS_PER_SECOND)
        self._change(key, b"forget", *since, index=self.keys.index(key))

    def shift_debt(self, key: bytes, limit: Limit, tokens: int) -> None:
        """Add `tokens` to the debt of the key's bucket, up to a full bucket. A bucket under another limit stays
        unchanged.
        """
        shift = layout.encode_shift(limit, tokens, back=False, count=0)
        self._run(SHIFT, *self.keys.shift_arguments([(key, shift)], self.time_argument()))

    def new_sequence(self) -> CallSequence | None:
        """Return a new sequence for calls of take.lua; None with Cluster."""
        # A test's clock doesn't advance like the server's, so deadlines would make no sense with it.
        return self.keys.new_sequence(None if self._clock else self.timeout)

    def close_sequence(self, sequence: bytes) -> int:
        """Prevent further calls of this sequence from being executed. Return the number of the last one that was."""
        with self._store_errors():
            return int(self._client.set(sequence, CLOSED, ex=_SEQUENCE_SECONDS, get=True) or 0)

    def convert(self, key: bytes, limit: Limit | None) -> None:
        """Convert the debt of the key's bucket to `limit`."""
        if limit is None:
            return
        known, now_ns = self.peek(key), self.now_ns()
        debt = convert_debt(limit, known.tat_ns, known.fraction, known.limit_code, now_ns)
        ahead_ns, fraction = divmod(debt, limit.ticks)
        expected = layout.encode_bucket(known.limit_code, known.tat_ns, known.fraction)
        replacement = layout.encode_bucket(limit.code, now_ns + ahead_ns, fraction)
        # Compare and set: the script writes only if the bucket is still the one that was read. Otherwise the
        # caller repeats.
        self._change(key, b"replace_bucket", expected, replacement)

    def unit_counters(self, names: Sequence[bytes]) -> list[UnitCounter]:
        return [unit_counters.load(raw) for raw in self._counter_values(names)]

    def clean_up(self) -> None:
        """Remove keys from the index that were not used for an hour."""
        # No reader of the index looks back further than an hour.
        if self.keys.used is not None:
            oldest = self.now_ns() // NS_PER_SECOND - _INDEXED_SECONDS
            with self._store_errors():
                self._client.zremrangebyscore(self.keys.used, "-inf", oldest)

    def last_rebuild(self) -> None:
        """Return None: there is no file on this host."""

    def ping(self) -> None:
        """Run a decision for a key that does not exist. Raises BucketStoreError."""
        # PING alone is not enough: a server may respond to it and still reject writes, for example a replica.
        self.take(_PROBE, None)

    def _take_all(
        self, requests: Sequence[TakeRequest], policy: int, conversions: Conversions = NO_CONVERSIONS
    ) -> list[TakeResult | LimitChanged]:
        now = self.time_argument()
        results: list[TakeResult | LimitChanged] = []
        encoded = [(one, layout.encode_request(one, conversions=conversions)) for one in requests]
        for group in self.keys.group_by_call(encoded):
            if unsupported := self.unsupported(group):
                results += unsupported
                continue
            response = self._take(group, now, policy)
            with self._store_errors():
                results += layout.parse_outcomes([one for one, _ in group], response)
        return results

    def _take(self, requests: Sequence[EncodedRequest], now: bytes, policy: int) -> Any:
        """Run take.lua once. Raises OutcomeUnknown if no response comes."""
        return self._run_numbered(TAKE, lambda call: self.keys.take_arguments(requests, now, call, policy))

    def _run_numbered(self, script: Script, arguments: Callable[[ScriptCall | None], _Arguments]) -> Any:
        """Run a script that decides requests, in the sequence of this thread. Raises OutcomeUnknown if no response
        comes.
        """
        sequence: CallSequence | None = getattr(self._sequences, "current", None) or self.new_sequence()
        self._sequences.current = sequence
        call = None if sequence is None else sequence.next_call()
        try:
            response = self._run(script, *arguments(call))
        except BucketStoreUnavailable as error:
            # The sequence ends here. The next call starts a new one, so this one can be closed to find out what
            # happened.
            self._sequences.current = None
            raise OutcomeUnknown(str(error), call) from error
        if sequence is not None and call is not None:
            with self._store_errors():
                sequence.record_server_time(call, layout.parse_server_ns(response))
        return response

    def _reserve(self, request: TakeRequest, new: NewReservation, policy: int, conversions: Conversions) -> Reserved:
        """Run reserve.lua once. Raises LimitChanged."""
        encoded = (request, layout.encode_request(request, conversions=conversions, reserving=True))
        if unsupported := self.unsupported([encoded]):
            raise unsupported[0]
        now, own = self.time_argument(), [self.keys.reservation(new.name), self.keys.open_reservations(request[0])]

        def arguments(call: ScriptCall | None) -> _Arguments:
            names, values = self.keys.take_arguments([encoded], now, call, policy, own)
            return names, [*values, *reservation_encoding.encode_new(request, new)]

        expires_s, *numbers = self._run_numbered(RESERVE, arguments)
        # A call that came too late returns only the time.
        if len(numbers) > _TIME_NUMBERS and numbers[0] == TOO_MANY_OPEN:
            raise TooManyReservations
        with self._store_errors():
            (result,) = layout.parse_outcomes([request], numbers)
        return Reserved(layout.outcome_or_raise(result), expires_s)

    def _resolve(self, request: TakeRequest, result: TakeResult | LimitChanged, policy: int) -> TakeResult:
        if not isinstance(result, LimitChanged):
            return result
        try:
            return self.take(*request, policy)
        except (CostExceedsBurst, Undecided, BucketStoreError) as error:
            return error

    def _change(self, key: bytes, *arguments: Any, index: bytes | None = None) -> None:
        self._run(CHANGE, [self.keys.record_or_counter(key), *([index] if index else [])], arguments)
