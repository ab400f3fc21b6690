"""Changes of plans."""

from typing import Any, Final

from apikeys.models import APIKey, Owner, Plan
from apikeys.policies.errors import InUse, PlanNotFound
from apikeys.policies.key_plan import keys_with_clash
from apikeys.policies.policy_change import PolicyChange
from apikeys.policies.validation import PLAN_RULES, PLAN_UPDATE_RULES
from events.types import EventType
from latchkey.preconditions import check_state
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters, clean, without_unchanged
from ratelimit.plan_limit import PlanLimit, Shared, parse_plan_limits

MAX_UNITS: Final = 256
"""How many units all plans together can name."""


def create_plan(change: PolicyChange, values: object) -> Plan:
    """Create a plan from name (required) and limits (required)."""
    cleaned: dict[str, Any] = clean(values, PLAN_RULES, change.now, required=("name", "limits"))
    if Plan.objects.filter(name=cleaned["name"]).exists():
        raise _rejected("/name", "not-unique", "Another plan has this name.")
    _check_units(cleaned["name"], (), parse_plan_limits(cleaned["limits"]))
    plan = Plan(name=cleaned["name"], created_at=change.now, number=change.number)
    plan.set_limits(cleaned["limits"])
    plan.save(force_insert=True)
    change.append(EventType.PLAN_CREATED, {"plan": plan.name, "limits": plan.limits})
    return plan


def change_plan(change: PolicyChange, name: str, values: object) -> Plan:
    """Change the limits of a plan. Those that it has already are not a change."""
    plan = _locked(change, name)
    cleaned: dict[str, Any] = clean(without_unchanged(values, {"limits": plan.limits}), PLAN_UPDATE_RULES, change.now)
    before = plan.limits
    if cleaned.get("limits", before) == before:
        return plan
    limits = parse_plan_limits(cleaned["limits"])
    _check_identities(plan.parsed_limits, limits)
    _check_users(name, plan.parsed_limits, limits)
    _check_units(name, plan.parsed_limits, limits)
    plan.set_limits(cleaned["limits"])
    plan.number, plan.revision = change.number, plan.revision + 1
    plan.save(update_fields=["limits", "enforces_for_keys", "enforces_for_owners", "number", "revision"])
    data = {"plan": name, "from": {"limits": before}, "to": {"limits": plan.limits}}
    change.append(EventType.PLAN_CHANGED, data)
    return plan


def delete_plan(change: PolicyChange, name: str) -> None:
    """Delete a plan that no key and no owner has. Raises InUse."""
    plan = _locked(change, name)
    for users, what in (
        (APIKey.objects.filter(plan=plan), "Keys have"),
        (Owner.objects.filter(plan=plan), "Owners have"),
    ):
        if users.exists():
            raise InUse(f"{what} this plan. Give them another one, or none, and delete it then.")
    change.delete()
    plan.delete()
    change.append(EventType.PLAN_DELETED, {"plan": name, "limits": plan.limits})


def _locked(change: PolicyChange, name: str) -> Plan:
    plan = Plan.objects.select_for_update().filter(name=name).first()
    if plan is None:
        raise PlanNotFound("No plan has this name.")
    check_state(plan.revision, change.expected, "The plan")
    return plan


def _check_identities(before: tuple[PlanLimit, ...], after: tuple[PlanLimit, ...]) -> None:
    """Raise InvalidParameters if a limit that keeps its name would count something else."""
    known = {limit.name: limit for limit in before}
    faults = []
    for index, limit in enumerate(after):
        same = known.get(limit.name)
        if same is not None and same.identity != limit.identity:
            detail = "A limit keeps its kind, unit, per, timezone and starts. Give the new limit another name."
            faults.append(FieldError(f"/limits/{index}", "another-name", detail))
    if faults:
        raise InvalidParameters.of(faults)


def _check_users(name: str, before: tuple[PlanLimit, ...], limits: tuple[PlanLimit, ...]) -> None:
    """Raise InvalidParameters if keys that have the plan, or that get it from their owner, can't have these limits."""
    if {(limit.name, limit.shared) for limit in limits} <= {(limit.name, limit.shared) for limit in before}:
        # There may be very many keys. Another amount is no reason to look at them.
        return
    shared = [index for index, limit in enumerate(limits) if limit.shared is Shared.OWNER]
    if shared and APIKey.objects.filter(plan__name=name).exists():
        detail = "Keys have this plan, so it can't have limits that the keys of an owner share."
        raise InvalidParameters.of([FieldError(f"/limits/{index}/shared", "owner-plan", detail) for index in shared])
    if clashing := keys_with_clash(name, limits):
        detail = f"A key would get two limits of the same name, for example {', '.join(clashing)}."
        raise _rejected("/limits", "duplicate-limit", detail)


def _check_units(name: str, before: tuple[PlanLimit, ...], limits: tuple[PlanLimit, ...]) -> None:
    """Raise InvalidParameters if all plans together would name too many units."""
    units = {limit.unit for limit in limits}
    added = units - {limit.unit for limit in before}
    if not added:
        return
    others = {limit.unit for plan in Plan.objects.exclude(name=name) for limit in plan.parsed_limits}
    # A key has a counter for each unit that it uses, and rows.
    if (added := added - others) and len(others | units) > MAX_UNITS:
        detail = f"All plans together can name {MAX_UNITS} units. Use one that a plan names, or delete unused plans."
        faults = [index for index, limit in enumerate(limits) if limit.unit in added]
        raise InvalidParameters.of([FieldError(f"/limits/{index}/unit", "too-many", detail) for index in faults])


def _rejected(pointer: str, code: str, detail: str) -> InvalidParameters:
    return InvalidParameters.of([FieldError(pointer, code, detail)])
