"""Guard rails about keys: each is a set of keys, less those that are waived."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from apikeys.models import APIKey, APIKeyQuerySet
from events.models import Event
from events.types import EventType
from health.guard_rails.base import Finding, GuardRail, named
from health.models import Waiver

COUNTED_AT_MOST: Final = 1000
USABILITY: Final = frozenset(
    {
        EventType.KEY_ISSUED,
        EventType.KEY_UPDATED,
        EventType.KEY_ENABLED,
        EventType.KEY_DISABLED,
        EventType.KEY_REVOKED,
        EventType.KEY_EXPIRED,
    }
)


class KeyGuardRail(GuardRail):
    """A guard rail that usable keys breach. `fault` says what they do, as in "have no rate limit".

    A key that is disabled, expired or revoked lets nobody in, and so breaches nothing. Nor do the server's own keys,
    which nobody can change.
    """

    about_keys = True
    triggers = USABILITY
    fault: ClassVar[str]

    @abstractmethod
    def among(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        """Those of the usable `keys` that are in breach at `now`."""

    def keys(self, now: datetime) -> APIKeyQuerySet:
        """The keys in breach at `now`, without those that are waived."""
        waived = Waiver.objects.in_force(now).filter(guard_rail=self.name).exclude(key_id="")
        usable = APIKey.objects.usable(now).filter(system=False)
        return self.among(usable, now).exclude(key_id__in=waived.values("key_id"))

    def find(self, now: datetime) -> Finding | None:
        """Counts to 1000 and not beyond, so that it costs the same with a million keys."""
        key_ids = list(self.keys(now).order_by("pk").values_list("key_id", flat=True)[:COUNTED_AT_MOST])
        if not key_ids:
            return None
        return Finding(len(key_ids), f"Keys that {self.fault}: {named(key_ids, COUNTED_AT_MOST)}.")

    def concerns(self, events: Sequence[Event]) -> bool:
        about = [event.key_id for event in events]
        return "" in about or self.keys(events[-1].at).filter(key_id__in=about).exists()
