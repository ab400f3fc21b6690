"""Adjustments: corrections of what is used of a limit, in the bucket store and in the database."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from apikeys.lookup import find_key
from apikeys.models import APIKey, QuotaUse
from apikeys.policies.effective import SUBJECT_KEY, SUBJECT_OWNER, EffectiveLimit
from apikeys.policies.lookup import find_owner, limits_of_stored_key, limits_of_stored_owner, named
from apikeys.policies.policy_change import lock_number
from apikeys.policies.quota_rows import seeds_of, write_uses
from apikeys.policies.validation import clean_adjustment
from events import log as event_log
from events.change import change
from events.lock_timeout import set_lock_timeout
from events.origin import Origin
from events.types import EventType
from latchkey.credentials import KEY_ID_PATTERN
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters
from ratelimit.claim import Claim, ClaimState, CountersMissing, TermsEnded
from ratelimit.limiter import Limiter

_MAX_TRIES: Final = 4


class Adjustment(NamedTuple):
    """A corrected limit: what was used before and after, in units, and the end of the period (0 for a rate)."""

    limit: EffectiveLimit
    before: int
    after: int
    ends_s: int


def adjust_limit(
    limiter: Limiter, origin: Origin, now: Callable[[], datetime], subject: str, name: str, values: object
) -> Adjustment:
    """Set what is used of a limit, or add to it, and append the event. Raises BucketStoreError."""
    at = now()
    cleaned: dict[str, Any] = clean_adjustment(values, at)
    with change() as unit:
        set_lock_timeout()
        # Otherwise the limit could count something else by the time it is adjusted, and its counter would start again.
        lock_number()
        limit, about = _limit_of(subject, name, at)
        if limit.limit.concurrency is not None:
            detail = "What is used of a limit of slots can't be adjusted. End its reservations instead."
            raise InvalidParameters.of([FieldError("", "another-kind", detail)])
        # The store can't be rolled back. So what another change could hold up is locked before: the row, and then the
        # event log.
        list(QuotaUse.objects.select_for_update().filter(counter=limit.counter.decode()))
        event_log.lock_log()
        before, claim, state = _adjusted(limiter, limit, int(at.timestamp()), cleaned)
        if limit.limit.quota is not None:
            write_uses(limiter.quota_uses([limit.counter]), {limit.counter: claim.terms[state.term].quota}, at)
        done = Adjustment(limit, before, _units(claim, state), state.ends_s)
        data = {
            **about,
            "limit": name,
            "unit": limit.limit.unit,
            "before": done.before,
            "after": done.after,
            "reason": cleaned["reason"],
        }
        key_id = subject if limit.subject == SUBJECT_KEY else ""
        unit.append(EventType.LIMIT_ADJUSTED, origin=origin, at=at, key_id=key_id, data=data)
    return done


def _limit_of(subject: str, name: str, at: datetime) -> tuple[EffectiveLimit, dict[str, object]]:
    """Return the limit, and what the event says of its owner. Lock the key, which may be given another plan."""
    if KEY_ID_PATTERN.fullmatch(subject):
        list(APIKey.objects.select_for_update(no_key=True).filter(key_id=subject))
        return named(limits_of_stored_key(find_key(subject), at), name, SUBJECT_KEY), {}
    owner = find_owner(subject)
    return named(limits_of_stored_owner(owner, at), name, SUBJECT_OWNER), {"owner": owner.name}


def _adjusted(
    limiter: Limiter, limit: EffectiveLimit, now_s: int, cleaned: dict[str, Any]
) -> tuple[int, Claim, ClaimState]:
    """Adjust the counter. Return what was used before, and the claim with its state afterwards."""
    for _ in range(_MAX_TRIES):
        claim = limit.claim(0, now_s)
        try:
            (found,) = limiter.peek_claims([claim])
            if not isinstance(found, ClaimState):
                raise found
            state = limiter.adjust(claim, used=cleaned.get("used"), add=cleaned.get("add"))
            return _units(claim, found), claim, state
        except CountersMissing:
            limiter.seed_quotas(seeds_of([claim]))
        except TermsEnded as ended:
            now_s = ended.now_s
    raise RuntimeError("the store doesn't accept what it asked for")


def _units(claim: Claim, state: ClaimState) -> int:
    """Return what is used, in whole units. A part of a unit counts as one."""
    limit = claim.terms[state.term].limit
    return state.value if limit is None else -(-state.value // limit.price)
