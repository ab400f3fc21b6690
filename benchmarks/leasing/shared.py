"""The bucket that all nodes of the simulation share: `ratelimit.bucket`, with what take.lua and shift.lua add to it."""

from ratelimit import bucket
from ratelimit.bucket import Asked, Outcome, Record
from ratelimit.limit import Limit


class _Records(dict[bytes, bytes]):
    """Records by key, as `ratelimit.bucket.Cells`."""

    put = dict.__setitem__


class SharedBucket:
    """A store of the simulation. `trips` counts how often it was asked; times are in nanoseconds of virtual time."""

    def __init__(self) -> None:
        self._records = _Records()
        self.trips = 0

    def take_ahead(self, asked: Asked, wish: int, now_ns: int) -> tuple[Outcome, bool]:
        """The outcome, and whether all of `wish` tokens were taken; where not, what is asked was, if anything."""
        self.trips += 1
        key, limit, cost, epoch, slot = asked
        if wish > cost:
            outcome = bucket.take(self._records, key, limit, wish, epoch, slot, now_ns)
            if outcome[0]:
                return outcome, True
        return bucket.take(self._records, key, limit, cost, epoch, slot, now_ns), False

    def take_each(self, asked: Asked, count: int, now_ns: int) -> int:
        """How many of so many requests pass, one by one, in one trip."""
        self.trips += 1
        return sum(bucket.take(self._records, *asked, now_ns)[0] for _ in range(count))

    def give_back(self, key: bytes, limit: Limit, tokens: int, now_ns: int) -> None:
        """Takes the price of so many tokens off the debt, which never falls below nothing."""
        self.trips += 1
        record = Record.load(self._records[key])
        debt = bucket.debt_under(limit, record.tat_ns, record.fraction, record.limit_code, now_ns)
        ahead_ns, fraction = divmod(max(0, debt - tokens * limit.price), limit.ticks)
        self._records[key] = record._replace(tat_ns=now_ns + ahead_ns, fraction=fraction).dump()
