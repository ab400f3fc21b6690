"""Claims: what a request asks of the limits of its plans, and how a store answers.

A request takes all of its claims or none of them (ADR 14). A store knows no calendar, and the caller does not know
the store's time. So a claim has up to two terms, and the store uses the first one that has not ended by its own clock.
"""

from typing import Final, NamedTuple

from ratelimit.limit import CostExceedsBurst, Limit

MAX_CLAIMS: Final = 16
MAX_COST: Final = 10**15
MAX_USED: Final = 1 << 52
"""Where a quota's counter stays. Twice the largest quota is below 2^53, which Lua's numbers still represent exactly."""

FOREVER_S: Final = 253_402_300_799
"""The end of what never ends, in seconds since the Unix epoch: the last second of the year 9999."""

NO_POLICY: Final = (1 << 53) - 1
"""Number of the policies for a caller whose requests don't depend on them. It is never out of date."""


class Term(NamedTuple):
    """What a claim is measured against as long as the store's clock is before `until_s`.

    It is a rate (`limit`), or else a quota of `quota` units in the period that ends at `ends_s`, or else `quota` slots
    that reservations hold at the same time, if `ends_s` is 0. If `quota` is 0 too, usage is counted and nothing is
    limited. Times are in whole seconds since the Unix epoch.
    """

    until_s: int
    limit: Limit | None
    quota: int = 0
    ends_s: int = 0

    @property
    def counts_slots(self) -> bool:
        """Return whether the term is a number of slots."""
        return self.limit is None and not self.ends_s and self.quota > 0

    @property
    def counts_usage(self) -> bool:
        """Return whether the term counts usage by unit, and limits nothing."""
        return self.limit is None and not self.ends_s and not self.quota

    @property
    def amount(self) -> int:
        """Return the largest cost that the term could ever allow."""
        return self.quota if self.limit is None else self.limit.burst


class Claim(NamedTuple):
    """A cost of 0 to MAX_COST units that a request asks of one counter.

    `counter` is the counter's name: `k:KEY_ID:NAME`, or `o:OWNER:NAME` with the number of the owner's row, if all keys
    of an owner share it, or `u:KEY_ID:UNIT` for usage by unit. `definition` is a number of 48 bits that identifies what
    it counts; a counter with another one starts again at zero. If `enforced` is false, the cost is counted, but never
    refused.
    """

    counter: bytes
    definition: int
    cost: int
    enforced: bool
    terms: tuple[Term, ...]

    @property
    def is_shared(self) -> bool:
        """Return whether the keys of an owner share the counter."""
        return self.counter.startswith(OWNER_PREFIX)


KEY_COUNTER_PREFIX: Final = b"k:"
OWNER_PREFIX: Final = b"o:"


class ClaimState(NamedTuple):
    """State of one claim after a decision.

    `term` is the index of the term that applied. `value` is the debt in ticks for a rate, for a quota what is used of
    it, or else how many slots are held; it includes the request if it was allowed. `wait_ns` is how long the client has
    to wait until this limit would allow the same request, in nanoseconds, and 0 if it did not refuse; slots are often
    free earlier. `ends_s` is the end of the quota's open period, 0 for a rate and for slots. For usage by unit, `value`
    is 0 and `ends_s` is when it was counted.
    """

    term: int
    refused: bool
    value: int
    wait_ns: int
    ends_s: int


StateTuple = tuple[int, bool, int, int, int]
"""The fields of a ClaimState. A store creates several for each request, and a plain tuple takes a fifth of the time."""

UNMEASURED: Final = ClaimState(term=0, refused=False, value=0, wait_ns=0, ends_s=0)
"""State of a claim that was dropped, because the store that counts it could not be reached. A quota that was measured
always has an end.
"""


class Undecided(Exception):
    """Error: nothing was decided, taken or counted. The caller has to do something first, and then ask again."""


class PolicyOutdated(Undecided):
    """Error: the policies have changed. The caller has to read those above its number, up to `newest` at least."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"the policies have number {newest} now")
        self.newest = newest


class TermsEnded(Undecided):
    """Error: by the store's clock, `now_s` in seconds since the Unix epoch, all terms of a claim have ended."""

    def __init__(self, now_s: int) -> None:
        super().__init__(f"all terms have ended: the store's time is {now_s}")
        self.now_s = now_s


class CountersMissing(Undecided):
    """Error: the store does not know these counters of quotas. What the database has of them comes first."""

    def __init__(self, counters: tuple[bytes, ...]) -> None:
        super().__init__(f"{len(counters)} counters of quotas are not in the store")
        self.counters = counters


class CostExceedsClaim(CostExceedsBurst):
    """Error: a cost is more than an enforced limit of a plan could ever allow, so waiting would not help."""

    def __init__(self, counter: bytes, cost: int, amount: int) -> None:
        ValueError.__init__(self, f"cost {cost} is more than {amount}, all that the limit ever allows")
        self.counter = counter


class QuotaUse(NamedTuple):
    """What is used of a quota, as the database has it, or as a store reports it.

    `ends_s` is the end of the open period. `revision` grows with each adjustment by an operator, and of two values
    for the same period the one with the higher revision counts; with the same revision, the larger one.
    """

    counter: bytes
    definition: int
    ends_s: int
    used: int
    revision: int = 0
