"""Changes of overrides."""

from datetime import datetime
from typing import Any

from apikeys.lookup import find_key
from apikeys.models import Override
from apikeys.policies.effective import SUBJECT_KEY, SUBJECT_OWNER
from apikeys.policies.errors import LimitNotFound, OverrideNotFound
from apikeys.policies.lookup import find_owner, limits_of_stored_key, limits_of_stored_owner, named
from apikeys.policies.policy_change import PolicyChange
from apikeys.policies.validation import clean_override
from events.types import EventType
from latchkey.problems import FieldError, ProblemError
from latchkey.timestamps import rfc3339
from latchkey.validation import InvalidParameters
from ratelimit.limit import Limit
from ratelimit.plan_limit import KINDS


def grant_override(change: PolicyChange, values: object) -> Override:
    """Grant an override of one limit: key_id or owner (a slug), limit, one of rate, quota and concurrency, until and
    reason (optional).

    It ends an earlier one of the same limit.
    """
    cleaned: dict[str, Any] = clean_override(values, change.now)
    override = _override(change, cleaned)
    _check_kind(override, change.now)
    open_ones = Override.objects.filter(limit=override.limit, ended_at__isnull=True)
    same = open_ones.filter(key=override.key) if override.key else open_ones.filter(owner=override.owner)
    replaced: dict[str, object] = {}
    for earlier in same:
        if earlier.until > change.now:
            replaced["replaces"] = earlier.pk
        _end(change, earlier)
    override.number = change.number
    override.save(force_insert=True)
    amount = {kind: getattr(override, kind) for kind in KINDS if getattr(override, kind) is not None}
    reason = {"reason": override.reason} if override.reason else {}
    data = {**_data(override), **amount, "until": rfc3339(override.until), **reason, **replaced}
    change.append(EventType.OVERRIDE_GRANTED, data, override.key_text)
    return override


def end_override(change: PolicyChange, id: int) -> Override:
    """End an override now. If it has ended already, nothing changes."""
    override = Override.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=id).first()
    if override is None:
        raise OverrideNotFound("No override has this ID.")
    if override.ended_at is None and override.until > change.now:
        _end(change, override)
        change.append(EventType.OVERRIDE_ENDED, _data(override), override.key_text)
    return override


def _override(change: PolicyChange, cleaned: dict[str, Any]) -> Override:
    rate: Limit | None = cleaned.get("rate")
    override = Override(
        limit=cleaned["limit"],
        rate=rate.as_json() if rate else None,
        quota=cleaned.get("quota"),
        concurrency=cleaned.get("concurrency"),
        until=cleaned["until"],
        reason=cleaned.get("reason", ""),
        created_at=change.now,
    )
    try:
        if "key_id" in cleaned:
            override.key = find_key(cleaned["key_id"])
        else:
            override.owner = find_owner(cleaned["owner"])
    except ProblemError as error:
        pointer = "/key_id" if "key_id" in cleaned else "/owner"
        raise InvalidParameters.of([FieldError(pointer, "unknown-subject", error.detail)]) from None
    return override


def _check_kind(override: Override, now: datetime) -> None:
    """Raise InvalidParameters if the subject has no limit of this name and kind."""
    try:
        if override.key is not None:
            limits, subject = limits_of_stored_key(override.key, now), SUBJECT_KEY
        else:
            assert override.owner is not None  # noqa: S101 - one of both, by the rules
            limits, subject = limits_of_stored_owner(override.owner, now), SUBJECT_OWNER
        found = named(limits, override.limit, subject)
    except LimitNotFound as error:
        raise InvalidParameters.of([FieldError("/limit", "unknown-limit", error.detail)]) from None
    if found.limit.kind != override.kind:
        detail = f"The limit is a {found.limit.kind}. Give {found.limit.kind} instead of {override.kind}."
        raise InvalidParameters.of([FieldError(f"/{override.kind}", "another-kind", detail)])


def _end(change: PolicyChange, override: Override) -> None:
    override.ended_at, override.number = change.now, change.number
    override.save(update_fields=["ended_at", "number"])


def _data(override: Override) -> dict[str, object]:
    of_owner = {"owner": override.owner.name} if override.owner else {}
    return {"override": override.pk, "limit": override.limit, **of_owner}
