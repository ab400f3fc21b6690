"""The time from which a change holds everywhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_ALMOST_A_MILLISECOND: Final = timedelta(microseconds=999)


@dataclass(frozen=True, slots=True)
class Reach:
    """What bounds for how long a node may act on what it knew before a change; all in seconds.

    `trusted_seconds`: how old a record may be that nobody confirms. `stale_seconds`: how old one may be that the bucket
    store confirms, while the database is away. `lease_seconds`: for how long tokens that were taken ahead are spent
    without asking the store. `decides_alone`: a node that is cut off from the store goes on without it.
    """

    trusted_seconds: float
    stale_seconds: float
    lease_seconds: float
    decides_alone: bool

    def after_publication(self, *, published: bool) -> float:
        """For how many seconds after a change was published (or that failed) a node may still act on the old state.

        Proof. A node acts on a record where the store confirms its epoch in that step, where it did so within
        `lease_seconds`, for the tokens of a lease, or, where the store cannot tell, while the record is younger than
        `trusted_seconds`. Let T be right after the publication. What the store confirms from T on is new, so leases of
        before T are left: they end by T + `lease_seconds`. A node that decides alone goes by its record's age: one of
        before the commit was read before T, so it is too old from T + `trusted_seconds` on. Where the store never
        learned of the change, it confirms the old epoch; but a record of before the commit is not used at all from
        T + `stale_seconds` on. Ages count from before a record was read, by a clock that is never set.
        """
        if not published:
            return max(self.lease_seconds, self.trusted_seconds, self.stale_seconds)
        return max(self.lease_seconds, self.trusted_seconds) if self.decides_alone else self.lease_seconds

    def effective_by(self, now: datetime, *, published: bool) -> datetime:
        """The time from which none does, in whole milliseconds; `now` is right after the publication."""
        exact = now + timedelta(seconds=self.after_publication(published=published)) + _ALMOST_A_MILLISECOND
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
