"""Guard rails about keys: each is a set of keys, less those that are waived."""

from abc import abstractmethod
from datetime import datetime
from typing import Any, ClassVar, Final

from django.db.models import QuerySet

from apikeys.models import APIKey, APIKeyQuerySet
from events.types import EventType
from health.guard_rails.base import ListedGuardRail
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


class KeyGuardRail(ListedGuardRail):
    """A guard rail that usable keys breach. `fault` says what they do, as in "have no rate limit".

    A key that is disabled, expired or revoked lets nobody in, and so breaches nothing. Nor do the server's own keys,
    which nobody can change. It counts to 1000 and not beyond, so that it costs the same with a million keys.
    """

    about_keys = True
    triggers = USABILITY
    counted_at_most = COUNTED_AT_MOST
    fault: ClassVar[str]

    @abstractmethod
    def among(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        """Those of the usable `keys` that are in breach at `now`."""

    def in_breach(self, now: datetime) -> APIKeyQuerySet:
        """Return the keys in breach at `now`, also those that are waived."""
        return self.among(APIKey.objects.usable(now).filter(system=False), now)

    def keys(self, now: datetime) -> APIKeyQuerySet:
        """The keys in breach at `now`, without those that are waived."""
        waived = Waiver.objects.in_force(now).filter(guard_rail=self.name).exclude(key_id="")
        return self.in_breach(now).exclude(key_id__in=waived.values("key_id"))

    def listed(self, now: datetime) -> QuerySet[Any, Any]:
        return self.keys(now).order_by("pk").values_list("key_id")[: self.counted_at_most]

    def detail(self, names: str) -> str:
        return f"Keys that {self.fault}: {names}."
