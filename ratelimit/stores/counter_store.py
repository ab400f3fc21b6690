"""The part of a bucket store on this host that counts for plans: it runs pure functions in its own transactions."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from ratelimit import unit_counters
from ratelimit.bucket import Record
from ratelimit.bucket_file import POLICY_KEY
from ratelimit.claim import NO_POLICY, Claim, ClaimState, PolicyOutdated, QuotaUse, Undecided
from ratelimit.claim_arithmetic import peek
from ratelimit.counters import CounterStorage
from ratelimit.limit import NS_PER_SECOND
from ratelimit.quotas import adjust, seed, use_of
from ratelimit.stores.base import KEY_PREFIX, Clock, UsageScan
from ratelimit.unit_counters import UnitCounter

_from_bytes: Final = int.from_bytes
_Result = TypeVar("_Result")


def stored_policy(storage: CounterStorage) -> int:
    """Return the number of the newest policies that were published; 0 if none were, or if it is damaged."""
    number = _from_bytes(storage.get(POLICY_KEY) or b"", "little")
    return number if number < NO_POLICY else 0


def check_policy(storage: CounterStorage, policy: int) -> None:
    """Raise PolicyOutdated if the policies that were published are newer than `policy`."""
    raw = storage.get(POLICY_KEY)
    # This repeats `stored_policy`, because each request or batch calls it.
    if raw is not None and policy < (newest := _from_bytes(raw, "little")) < NO_POLICY:
        raise PolicyOutdated(newest)


class CounterStore:
    """Base of a bucket store on this host. A derived class provides the transactions and the clock."""

    now_ns: Clock

    def policy(self) -> int:
        return self._with_counters(stored_policy, write=False)

    def set_policy(self, number: int) -> None:
        def write(storage: CounterStorage) -> None:
            if number > stored_policy(storage):
                storage.put(POLICY_KEY, number.to_bytes(8, "little"))

        self._with_counters(write)

    def peek_claims(self, claims: Sequence[Claim]) -> list[ClaimState | Undecided]:
        def read(storage: CounterStorage) -> list[ClaimState | Undecided]:
            now_ns = self.now_ns()
            return [peek(storage.get, claim, now_ns) for claim in claims]

        return self._with_counters(read, write=False)

    def quota_uses(self, counters: Sequence[bytes]) -> list[QuotaUse | None]:
        return self._with_counters(lambda storage: [use_of(one, storage.get(one)) for one in counters], write=False)

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        self._with_counters(lambda storage: seed(storage, uses))

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        return self._with_counters(lambda storage: adjust(storage, claim, used, add or 0, self.now_ns()))

    def scan_records(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        raise NotImplementedError

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        raise NotImplementedError

    def scan_usage(self, since_ns: int) -> UsageScan:
        return UsageScan(self.scan_records(KEY_PREFIX, since_ns), self.scan_units(since_ns // NS_PER_SECOND))

    def unit_counters(self, names: Sequence[bytes]) -> list[UnitCounter]:
        return self._with_counters(
            lambda storage: [unit_counters.load(storage.get(name)) for name in names], write=False
        )

    def _with_counters(self, work: Callable[[CounterStorage], _Result], *, write: bool = True) -> _Result:
        """Run `work` in a transaction of the store, and return its result."""
        raise NotImplementedError
