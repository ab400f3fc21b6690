"""Limits of a key or an owner, with what is used of each now, as JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from apikeys.cache.records import KeyRecord, read_records
from apikeys.errors import NotFound
from apikeys.models import APIKey, Owner
from apikeys.policies.policies import Policies, Resolved, default_policies
from latchkey.timestamps import from_ns, rfc3339
from ratelimit.bucket import peek
from ratelimit.claim import FOREVER_S, Claim, ClaimState, CountersMissing, TermsEnded, Undecided
from ratelimit.decision import Decision
from ratelimit.limit import NS_PER_SECOND, Limit
from ratelimit.limiter import Limiter, default_limiter
from ratelimit.plan_limit import DEFAULT_UNIT, Mode, PlanLimit, Shared
from ratelimit.stores import BucketStoreError

_KEY: Final = PlanLimit("key")
# A counter that is missing is looked up once, and a term that has ended is resolved once more.
_ATTEMPTS: Final = 4


def key_limits(key: APIKey, limiter: Limiter | None = None) -> list[dict[str, object]]:
    """Return the limits of the key: its rate limit, which is named `key`, and those of its plan and its owner's plan.

    Nothing is taken. Raises BucketStoreError.
    """
    return _Reading(limiter or default_limiter()).of_key(key)


def key_limits_if_readable(key: APIKey) -> list[dict[str, object]]:
    """Return the limits like `key_limits`, but without what is used of them if the bucket store is down."""
    try:
        return key_limits(key)
    except BucketStoreError:
        return _Reading(default_limiter()).of_key(key, unread=True)
