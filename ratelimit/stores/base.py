"""Interface of a bucket store. A store provides a clock and atomicity; `ratelimit.bucket` does the arithmetic."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ratelimit.bucket import Outcome, Record, TakeRequest
from ratelimit.claim import NO_POLICY, Claim, ClaimState, QuotaUse, Undecided
from ratelimit.idle_counters import StoredCounter
from ratelimit.limit import CostExceedsBurst, Limit
from ratelimit.reservation import NewReservation, Reserved, Settlement
from ratelimit.unit_counters import UnitCounter

if TYPE_CHECKING:
    from ratelimit.stores.call_sequence import ScriptCall

KEY_PREFIX: Final = b"lk_"
ADDRESS_PREFIX: Final = b"ip:"
"""Prefixes of the buckets of keys, and of the buckets that limit the attempts of client addresses."""

Clock = Callable[[], int]
WALL_CLOCK: Final[Clock] = time_ns


class BucketStoreError(Exception):
    """Error: the store failed. This is a failure of the service, not a denial by a rate limit."""


class BucketStoreUnavailable(BucketStoreError):
    """Error: the store could not be reached, or not in time. It may be back at any moment."""


class ClaimsUnsupported(BucketStoreError):
    """Error: the store can never decide such claims. It works, and other requests are not affected."""


class OutcomeUnknown(BucketStoreUnavailable):
    """Error: the store was called and sent no response. It may have decided the requests, and may still do so.

    `call` identifies the call, if its outcome can be found out later. `uncounted` lists keys with the number of
    earlier requests that the same call was to count.
    """

    def __init__(self, message: str, call: "ScriptCall | None" = None) -> None:
        super().__init__(message)
        self.call = call
        self.uncounted: tuple[tuple[bytes, int], ...] = ()


TakeResult = Outcome | CostExceedsBurst | Undecided | BucketStoreError
"""Result of one of several takes: its outcome, or the error that prevented it."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Record of a rebuild: when the store's contents were lost and replaced by full buckets, and why.

    `at_ns` is in nanoseconds since the Unix epoch.
    """

    at_ns: int
    reason: str


class UsageScan(NamedTuple):
    """What counts usage in a store, with its names: records of keys, and counters of usage by unit."""

    records: Iterator[tuple[bytes, Record]]
    units: Iterator[tuple[bytes, UnitCounter]]


class BucketStore(Protocol):
    """Protocol of a bucket store: buckets by key. A key is 1 to 128 ASCII bytes.

    Every method may raise BucketStoreError.
    """

    @property
    def url(self) -> str:
        """Return the store's address without a password."""

    @property
    def shared(self) -> bool:
        """Return whether all worker processes of a host see the same buckets."""

    @property
    def remote(self) -> bool:
        """Return whether the store is reached over a network and shared by several hosts."""

    @property
    def rolls_back(self) -> bool:
        """Return whether counters may decrease within a generation.

        This happens if a replica that lags behind takes over, or if a power cut loses what was not on the disk
        yet.
        """

    @property
    def confirms_epochs(self) -> bool:
        """Return whether a `take` now includes every epoch that was published."""

    def generation(self) -> str:
        """Return a name for the store's contents. It changes if they were lost and the counters restarted at 0."""

    def now_ns(self) -> int:
        """Return the time by which the store's buckets refill, in nanoseconds since the Unix epoch."""

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
        """Take `cost` tokens and all of `claims`, or nothing. Count the use of the secret in `slot`, and return the
        key's epoch with the outcome.

        This is one atomic operation across all threads, processes and hosts, defined by `ratelimit.batch.take`.
        `policy` is the number of the policies by which the caller made the claims. Raises Undecided, and
        CostExceedsBurst.
        """

    def take_many(self, requests: Sequence[TakeRequest], policy: int = NO_POLICY) -> Sequence[TakeResult]:
        """Decide several requests in one operation, one after the other. Return their outcomes in the same order.

        They have at most 128 claims together. If this raises, no request was decided, unless the error is
        OutcomeUnknown.
        """

    def policy(self) -> int:
        """Return the number of the newest policies that were published; 0 if none were."""

    def set_policy(self, number: int) -> None:
        """Set the number of the policies if `number` is newer. A caller with an older one then has to read them."""

    def peek_claims(self, claims: Sequence[Claim]) -> list[ClaimState | Undecided]:
        """Return the state of each claim's counter, as if its cost was 0. Nothing is taken or written."""

    def quota_uses(self, counters: Sequence[bytes]) -> list[QuotaUse | None]:
        """Return what the store has of each of these quotas, also if its period has ended; None if it has nothing."""

    def seed_quotas(self, uses: Sequence[QuotaUse]) -> None:
        """Merge what the database has of quotas into the store. It may be older than what the store has."""

    def adjust(self, claim: Claim, *, used: int | None = None, add: int | None = None) -> ClaimState:
        """Set what is spent of the claim's limit to `used` units, or add `add` units, which may be negative.

        The result is from 0 to a full bucket, or to MAX_USED. Exactly one of both is given. Return the state
        after it. Raises Undecided.
        """

    def reserve(self, request: TakeRequest, reservation: NewReservation, policy: int = NO_POLICY) -> Reserved:
        """Decide a request like `take`. If it is allowed, also make a reservation, and hold the slots that it claims.

        Raises Undecided, CostExceedsBurst and TooManyReservations.
        """

    def settle(
        self, name: bytes, caller: bytes, key_cost: int, claims: Sequence[Claim], likely: Sequence[bytes] = ()
    ) -> Settlement:
        """Replace a reservation's estimate by the actual costs: `key_cost` of the limit `key`, and those of `claims`.

        `likely` are counters that the reservation may have in addition: a store on the network needs one round trip if
        it knows them. Epochs and policies don't matter. Settling twice is the same as once, by the first costs. Raises
        ReservationUnknown, ReservationExpired, ReservationEnded, TermsEnded and CountersMissing.
        """

    def extend(self, name: bytes, caller: bytes, ttl_seconds: int) -> int:
        """Keep an open reservation open for `ttl_seconds` from now at least. Return until when, in seconds since the
        Unix epoch.

        Raises ReservationUnknown, ReservationExpired and ReservationEnded.
        """

    def cancel(self, name: bytes, caller: bytes) -> Settlement:
        """Give back all that a reservation took. Twice is the same as once.

        Raises ReservationUnknown, ReservationExpired and ReservationEnded.
        """

    def forget_ended_reservations(self, should_continue: Callable[[], bool] = lambda: True) -> int:
        """Delete the reservations that ended long enough ago, in batches, as long as `should_continue` returns true.

        Return how many were deleted. A store that deletes them automatically has nothing to do.
        """

    def scan_units(self, since_s: int = 0) -> Iterator[tuple[bytes, UnitCounter]]:
        """Yield the counters of usage by unit by their names, without blocking writers.

        Those that changed since `since_s`, in seconds since the Unix epoch, are all included. A store that cannot
        distinguish them yields others too.
        """

    def scan_usage(self, since_ns: int) -> UsageScan:
        """Return the records of keys and the counters of usage by unit, each as `scan_records` and `scan_units` yield
        them.

        Read the records first. A store that has to look at everything finds both kinds at the same time.
        """

    def unit_counters(self, names: Sequence[bytes]) -> list[UnitCounter]:
        """Return these counters of usage by unit; an unused one for each that the store doesn't have."""

    def idle_counters(self) -> Iterator[StoredCounter]:
        """Yield the counters that `ratelimit.idle_counters` calls idle, without blocking writers."""

    def forget_counters(self, counters: Sequence[StoredCounter]) -> list[bytes]:
        """Delete in one step those of these counters that still have the given value. Return their names."""

    def peek(self, key: bytes) -> Record:
        """Return the key's current record; an empty one if the key was never used."""

    def set_epoch(self, key: bytes, epoch: int) -> None:
        """Set the key's epoch if `epoch` is newer. A caller with an older epoch then has to load the key again."""

    def reset(self, key: bytes) -> None:
        """Fill the key's bucket. Epoch and counters stay."""

    def scan_records(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        """Yield the keys that begin with `prefix`, with their records, without blocking writers.

        The keys used since `since_ns` are all included. A store that cannot distinguish them yields others too. A
        key may be yielded twice.
        """

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        """Delete the key's record, including its counters. With a time given, delete it only if it was not used
        since then.
        """

    def ping(self) -> None:
        """Write to the store, because every request needs to. Raises BucketStoreError."""

    def last_rebuild(self) -> Rebuild | None:
        """Return when and why this host's file was last replaced by an empty one; None if it never was."""

    def clean_up(self) -> None:
        """Clean up what killed processes left behind. The background worker calls this periodically."""

    def close(self) -> None:
        """Close files and connections. The next call opens them again."""
