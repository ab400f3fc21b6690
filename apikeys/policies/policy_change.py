"""Changes of policies: one transaction with its events, and the number that every process then has to know."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from apikeys.models import PolicyNumber
from events.change import Change, change
from events.lock_timeout import set_lock_timeout
from events.origin import Origin
from events.types import EventType
from ratelimit.limiter import Limiter
from ratelimit.stores import BucketStoreError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PolicyChange:
    """A change under way. It holds the lock of the number, so changes of policies come one after the other.

    `expected` are the revisions of the changed row that the caller's decision is based on; None accepts any.
    """

    unit: Change
    origin: Origin
    now: datetime
    limiter: Limiter
    expected: Collection[int] | None
    _row: PolicyNumber
    _raised: bool = False

    @property
    def number(self) -> int:
        """Return the number of this change, for each row that it writes. The first use raises it."""
        if not self._raised:
            # After a restore from a backup the store's number can be above the database's. The new one has to exceed
            # both, or processes would ignore it.
            known = known_number(self.limiter)
            restored = known > self._row.number
            self._row.number = max(self._row.number, known) + 1
            if restored:
                # A process may know rows that were lost, and no row says so: every process reads all rows again.
                self._row.complete_below = self._row.number
            self._row.save(update_fields=["number", "complete_below"])
            self._raised = True
        return self._row.number

    @property
    def last_number(self) -> int:
        """Return the number of this change, or of the last one if this changes nothing."""
        return self._row.number

    def delete(self) -> None:
        """Note that a row is deleted: it can't have the number, so every process reads all rows again."""
        self._row.complete_below = self.number
        self._row.save(update_fields=["complete_below"])

    def append(self, type: EventType, data: Mapping[str, object], key_id: str = "") -> None:
        """Append an event to the change."""
        self.unit.append(type, origin=self.origin, at=self.now, key_id=key_id, data=data)


@contextmanager
def policy_change(
    origin: Origin, now: datetime, limiter: Limiter, expected: Collection[int] | None
) -> Iterator[PolicyChange]:
    """Open the transaction of a change of policies."""
    with change() as unit:
        set_lock_timeout()
        yield PolicyChange(unit, origin, now, limiter, expected, lock_number())


def lock_number() -> PolicyNumber:
    """Return the number of the policies, locked until the transaction ends: no other change of them is committed."""
    found = PolicyNumber.objects.select_for_update().filter(pk=1).first()
    if found is None:
        # The very first change creates the row.
        PolicyNumber.objects.bulk_create([PolicyNumber(pk=1)], ignore_conflicts=True)
        return PolicyNumber.objects.select_for_update().get(pk=1)
    return found


def known_number(limiter: Limiter) -> int:
    """Return the number of the policies that the bucket store knows; 0 if it is down."""
    try:
        return limiter.policy()
    except BucketStoreError:
        return 0


def publish_number(limiter: Limiter, number: int) -> bool:
    """Publish the number of a committed change. Return whether that succeeded."""
    try:
        limiter.set_policy(number)
    except BucketStoreError:
        # The background worker publishes it once the store is back. Until then, processes learn of it by its event.
        log.exception("policy_publication_failed", number=number)
        return False
    return True


def publish_last_number(limiter: Limiter) -> int:
    """Publish the number of the last change if the store lacks it. Return how many were published, 0 or 1.

    Raises BucketStoreError.
    """
    number = PolicyNumber.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    if limiter.policy() >= number:
        return 0
    limiter.set_policy(number)
    return 1
