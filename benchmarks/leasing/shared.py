"""Shared bucket of the simulation's nodes: `ratelimit.bucket`, with the additions of take.lua and shift.lua."""

from ratelimit import bucket
from ratelimit.bucket import Outcome, Record, TakeRequest
from ratelimit.limit import Limit


class _Records(dict[bytes, bytes]):
    """Records by key, with the interface of `ratelimit.bucket.RecordStorage`."""

    put = dict.__setitem__


class SharedBucket:
    """The simulation's bucket store. `trips` counts the calls. Times are in nanoseconds of virtual time."""

    def __init__(self) -> None:
        self._records = _Records()
        self.trips = 0

    def take_ahead(self, asked: TakeRequest, wish: int, now_ns: int) -> tuple[Outcome, bool]:
        """Take `wish` tokens or, if there aren't enough, only the cost of the request.

        Return the outcome, and whether all of `wish` were taken.
        """
        self.trips += 1
        key, limit, cost, epoch, slot = asked
        if wish > cost:
            outcome = bucket.take(self._records, key, limit, wish, epoch, slot, now_ns)
            if outcome[0]:
                return outcome, True
        return bucket.take(self._records, key, limit, cost, epoch, slot, now_ns), False

    def take_each(self, asked: TakeRequest, count: int, now_ns: int) -> int:
        """Decide `count` requests one by one, in one trip; return how many pass."""
        self.trips += 1
        return sum(bucket.take(self._records, *asked, now_ns)[0] for _ in range(count))

    def give_back(self, key: bytes, limit: Limit, tokens: int, now_ns: int) -> None:
        """Reduce the debt by the price of that many tokens, but not below 0."""
        self.trips += 1
        record = Record.load(self._records[key])
        debt = bucket.convert_debt(limit, record.tat_ns, record.fraction, record.limit_code, now_ns)
        ahead_ns, fraction = divmod(max(0, debt - tokens * limit.price), limit.ticks)
        self._records[key] = record._replace(tat_ns=now_ns + ahead_ns, fraction=fraction).dump()
