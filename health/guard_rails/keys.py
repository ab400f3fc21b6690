"""Guard rails about keys: each is a set of keys, without those that are waived."""

from abc import abstractmethod
from datetime import datetime
from typing import Any, ClassVar, Final

from django.db.models import Q, QuerySet

from apikeys.models import APIKey, APIKeyQuerySet
from events.draft import Entry
from events.types import EventType
from health.guard_rails.base import QueryGuardRail
from health.models import Waiver

MAX_COUNTED: Final = 1000
NO_KEY: Final = Q(pk=0)
"""The condition that no key fulfills. An empty list would be one that Django doesn't compile."""
USABILITY_EVENTS: Final = frozenset(
    {
        EventType.KEY_ISSUED,
        EventType.KEY_UPDATED,
        EventType.KEY_ENABLED,
        EventType.KEY_DISABLED,
        EventType.KEY_REVOKED,
        EventType.KEY_EXPIRED,
    }
)


class KeyGuardRail(QueryGuardRail):
    """Guard rail that usable keys can violate. `fault` says what they do, as in "have no enforced limit".

    Disabled, expired and revoked keys violate nothing, nor do the server's own keys.
    """

    about_keys = True
    triggers = USABILITY_EVENTS
    # Counting ends here, so that it costs the same with a million keys.
    max_counted = MAX_COUNTED
    fault: ClassVar[str]

    @abstractmethod
    def violating(self, keys: APIKeyQuerySet, now: datetime) -> APIKeyQuerySet:
        """Return those of the usable `keys` that violate it at `now`."""

    def affected(self, entry: Entry) -> Q | None:
        """Return the condition of the keys that may violate it since an event about none of them alone.

        `NO_KEY`: it can only have ended violations. None: it changes nothing for this guard rail.
        """
        return None

    def all_violating(self, now: datetime) -> APIKeyQuerySet:
        """Return the keys that violate it at `now`, including those that are waived."""
        # A key that isn't usable lets no one in, and no one can change the server's own keys.
        return self.violating(APIKey.objects.usable(now).filter(system=False), now)

    def unwaived(self, now: datetime) -> APIKeyQuerySet:
        """Return the keys that violate it at `now`, without those that are waived."""
        waived = Waiver.objects.in_force(now).filter(guard_rail=self.name).exclude(key_id="")
        return self.all_violating(now).exclude(key_id__in=waived.values("key_id"))

    def violating_names(self, now: datetime) -> QuerySet[Any, Any]:
        return self.unwaived(now).order_by("pk").values_list("key_id")[: self.max_counted]

    def detail(self, names: str) -> str:
        return f"Keys that {self.fault}: {names}."
