"""What every bucket store does: it owns the clock and the atomicity, and nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Final, Protocol

from ratelimit.bucket import Asked, CostExceedsBurst, Outcome, Record
from ratelimit.limit import Limit

if TYPE_CHECKING:
    from ratelimit.stores.redis.line import Run

KEY_PREFIX: Final = b"lk_"
ADDRESS_PREFIX: Final = b"ip:"
"""What the buckets of keys begin with, and those of addresses that pay for failed authentications."""

Clock = Callable[[], int]
WALL_CLOCK: Final[Clock] = time_ns


class BucketStoreError(Exception):
    """The store could not answer: that is a failure of the service, and no denial by a limit."""


class BucketStoreAway(BucketStoreError):
    """The store could not be reached, or not in time; it may be back any moment."""


class OutcomeUnknown(BucketStoreAway):
    """The store was asked and gave no response: it may have decided, and may still do so. `run` says what it was asked,
    if that can be found out later; `uncounted` are the keys, with their number of requests, that it was to count then.
    """

    def __init__(self, message: str, run: "Run | None" = None) -> None:
        super().__init__(message)
        self.run = run
        self.uncounted: tuple[tuple[bytes, int], ...] = ()


Taken = Outcome | CostExceedsBurst | BucketStoreError
"""What became of one of several takes: its outcome, or why there is none."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """When the store's contents were lost and it began again with full buckets, in nanoseconds since the epoch, and
    why.
    """

    at_ns: int
    reason: str


class BucketStore(Protocol):
    """Buckets by key, ASCII bytes of 1 to 128. Every method may raise BucketStoreError."""

    @property
    def url(self) -> str:
        """The store's address, without a password."""

    @property
    def shared(self) -> bool:
        """Whether all worker processes of a host see the same buckets."""

    @property
    def remote(self) -> bool:
        """Whether it lies behind a network, and is asked by several hosts."""

    @property
    def rolls_back(self) -> bool:
        """Whether counters may go back within a generation, as where a replica that lags behind takes over, or a power
        cut takes what was not on the disk yet.
        """

    @property
    def confirms_epochs(self) -> bool:
        """Whether a take knows, as things stand, of every epoch that was published."""

    def generation(self) -> str:
        """A name for the store's contents: it changes where they were lost and the counters began again at 0."""

    def now_ns(self) -> int:
        """The store's clock, nanoseconds since the epoch: the one by which its buckets refill."""

    def take(self, key: bytes, limit: Limit | None, cost: int = 1, epoch: int = 0, slot: int = 0) -> Outcome:
        """Takes `cost` tokens or none, counts the use of the secret in `slot`, and tells the key's epoch: one atomic
        step over all threads, processes and hosts, as `ratelimit.bucket.take` says. Raises CostExceedsBurst.
        """

    def take_many(self, asked: Sequence[Asked]) -> list[Taken]:
        """Several takes in one step, one after the other: what became of each, in the same order. Where this raises,
        none was done.
        """

    def peek(self, key: bytes) -> Record:
        """The key's record as it stands; a key that was never used has an empty one."""

    def set_epoch(self, key: bytes, epoch: int) -> None:
        """Makes `epoch` known where it is newer than the store's: whoever knows an older one has to load the key."""

    def reset(self, key: bytes) -> None:
        """Fills the key's bucket; epoch and counters stay."""

    def usage(self, prefix: bytes = b"", since_ns: int = 0) -> Iterator[tuple[bytes, Record]]:
        """The keys that begin with `prefix`, and their records, without holding writers up: those that were used since
        `since_ns`, and, where the store does not know them apart, others too. A key may come twice.
        """

    def forget(self, key: bytes, unused_since_ns: int | None = None) -> None:
        """Drops the key's record, its counters included; with a time given, only where it was not used since."""

    def ping(self) -> None:
        """Write to the store, which is what every request needs of it."""

    def rebuilt(self) -> Rebuilt | None:
        """Return when and why this host's file was replaced by an empty one last; None if it never was."""

    def tidy(self) -> None:
        """Removes what killed processes left behind; the steward calls it, time and again."""

    def close(self) -> None:
        """Lets go of files and connections; the next call opens them again."""
