"""Lists of keys that few or many of a million keys are in: read by an index if they are few."""

from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from apikeys.models import APIKey, APIKeyQuerySet, KeySecret, SecretState

MOST_LISTED: Final = 1000


def narrowed(keys: APIKeyQuerySet, candidates: QuerySet[Any]) -> APIKeyQuerySet:
    """Return `keys` restricted to `candidates`, primary keys of which `keys` are a part, if there are few; else `keys`.

    A database that returns keys newest first walks through them until a page is full. With few matches, that would be
    all of them. With many, a page is full soon.
    """
    # Without an order: the model's own would make the database walk here already.
    listed = list(candidates.order_by()[: MOST_LISTED + 1])
    return keys.filter(pk__in=set(listed)) if len(listed) <= MOST_LISTED else keys


def in_state(keys: APIKeyQuerySet, state: str, now: datetime) -> APIKeyQuerySet:
    """Return those of `keys` that are in the state (see `APIKeyQuerySet.in_state`), for a list newest first."""
    found = keys.in_state(state, now)
    if state == "expired":
        return narrowed(found, APIKey.objects.filter(expires_at__lte=now).values_list("pk", flat=True))
    if state == "rotating":
        retiring = KeySecret.objects.filter(state=SecretState.RETIRING, expires_at__gt=now)
        return narrowed(found, retiring.values_list("key_id", flat=True))
    # The others have an index with their keys.
    return found
