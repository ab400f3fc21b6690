"""Guard rails about keys: each is a set of keys, without those that are waived."""

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
    """Guard rail that usable keys can violate. `fault` says what they do, as in "have no rate limit".

    Disabled, expired and revoked keys violate nothing, nor do the server's own keys.
    """

    about_keys = True
    triggers = USABILITY
    # Counting ends here, so that it costs the same with a million keys.
    counted_at_most = COUNTED_AT_MOST
    fault: ClassVar[str]

    @abstractmethod
    def among(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        """Return those of the usable `keys` that violate it at `now`."""

    def in_breach(self, now: datetime) -> APIKeyQuerySet:
        """Return the keys that violate it at `now`, including those that are waived."""
        # A key that isn't usable lets no one in, and no one can change the server's own keys.
        return self.among(APIKey.objects.usable(now).filter(system=False), now)

    def keys(self, now: datetime) -> APIKeyQuerySet:
        """Return the keys that violate it at `now`, without those that are waived."""
        waived = Waiver.objects.in_force(now).filter(guard_rail=self.name).exclude(key_id="")
        return self.in_breach(now).exclude(key_id__in=waived.values("key_id"))

    def listed(self, now: datetime) -> QuerySet[Any, Any]:
        return self.keys(now).order_by("pk").values_list("key_id")[: self.counted_at_most]

    def detail(self, names: str) -> str:
        return f"Keys that {self.fault}: {names}."
