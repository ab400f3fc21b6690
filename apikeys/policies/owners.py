"""Changes of owners."""

from datetime import date, datetime
from typing import Any

from django.db.models import Max

from apikeys.models import APIKey, Owner, Plan
from apikeys.policies.errors import InUse, OwnerNotFound
from apikeys.policies.key_plan import keys_with_clash
from apikeys.policies.policy_change import PolicyChange
from apikeys.policies.slugs import free_slug
from apikeys.policies.validation import OWNER_RULES, OWNER_UPDATE_RULES
from events.types import EventType
from latchkey.preconditions import check_state
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, clean, without_unchanged


def create_owner(change: PolicyChange, values: object) -> Owner:
    """Create an owner from name (required), slug (default: made from the name), display_name, contacts, period_anchor
    and plan.
    """
    cleaned: dict[str, Any] = clean(values, OWNER_RULES, change.now, required=("name",))
    faults = [
        FieldError(f"/{field}", "not-unique", f"Another owner has this {field}.")
        for field in ("name", "slug")
        if field in cleaned and Owner.objects.filter(**{field: cleaned[field]}).exists()
    ]
    if faults:
        raise InvalidParameters.of(faults)
    cleaned.setdefault("slug", free_slug(cleaned["name"]))
    owner = Owner(pk=_new_row(change.now), created_at=change.now, number=change.number)
    _set(owner, cleaned)
    _check_plan(owner)
    owner.save(force_insert=True)
    names = ("slug", "display_name", "contacts", "period_anchor", "plan")
    change.append(
        EventType.OWNER_CREATED, {"owner": owner.name, **_json({name: _value(owner, name) for name in names})}
    )
    return owner


def change_owner(change: PolicyChange, slug: str, values: object) -> Owner:
    """Change any of display_name, contacts, period_anchor and plan. A value that it has already is not a change."""
    owner = _locked(change, slug)
    current = {name: _value(owner, name) for name in OWNER_UPDATE_RULES}
    cleaned = clean(without_unchanged(values, _json(current)), OWNER_UPDATE_RULES, change.now)
    changes = {name: value for name, value in cleaned.items() if value != current[name]}
    if not changes:
        return owner
    _set(owner, changes)
    if "plan" in changes:
        _check_plan(owner)
    owner.number, owner.revision = change.number, owner.revision + 1
    owner.save(update_fields=["number", "revision", *changes])
    before = {name: current[name] for name in changes}
    change.append(EventType.OWNER_CHANGED, {"owner": owner.name, "from": _json(before), "to": _json(changes)})
    return owner


def delete_owner(change: PolicyChange, slug: str) -> None:
    """Delete an owner whose name no key has. Raises InUse."""
    owner = _locked(change, slug)
    if APIKey.objects.filter(owner=owner.name).exists():
        raise InUse("Keys have this owner. Change their owner, and delete it then.")
    change.delete()
    owner.delete()
    change.append(EventType.OWNER_DELETED, {"owner": owner.name, "slug": owner.slug})


def _new_row(now: datetime) -> int:
    """Return the number of a new row, which is in the names of the owner's counters: the time in microseconds.

    A sequence would give numbers again after the database was restored from a backup. A new owner would then have what
    was used by one that the restore undid, because the bucket store still has its counters.
    """
    last = Owner.objects.aggregate(last=Max("pk"))["last"] or 0
    return max(int(now.timestamp() * 1_000_000), last + 1)


def _locked(change: PolicyChange, slug: str) -> Owner:
    owner = Owner.objects.select_for_update().filter(slug=slug).first()
    if owner is None:
        raise OwnerNotFound("No owner has this slug.")
    check_state(owner.revision, change.expected, "The owner")
    return owner


def _check_plan(owner: Owner) -> None:
    """Raise InvalidParameters if there is no such plan, or if a key of the owner would get a name twice."""
    if owner.plan_name is None:
        return
    plan = Plan.objects.select_for_update(no_key=True).filter(name=owner.plan_name).first()
    if plan is None:
        raise _rejected("/plan", "unknown-plan", "No plan has this name.")
    if clashing := keys_with_clash(plan.name, plan.parsed_limits, owner):
        detail = f"A key of this owner would get two limits of the same name, for example {', '.join(clashing)}."
        raise _rejected("/plan", "duplicate-limit", detail)


def _set(owner: Owner, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(owner, "plan_id" if name == "plan" else name, value)


def _value(owner: Owner, name: str) -> object:
    return owner.plan_name if name == "plan" else getattr(owner, name)


def _json(values: dict[str, object]) -> dict[str, object]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _rejected(pointer: str, code: str, detail: str) -> InvalidParameters:
    return InvalidParameters.of([FieldError(pointer, code, detail)])
