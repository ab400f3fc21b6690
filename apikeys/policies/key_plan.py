"""Rules about the plan of a key, and the names of limits that meet in one key."""

from collections.abc import Collection, Iterable
from typing import Final

from apikeys.models import APIKey, Owner, Plan
from latchkey.problems import FieldError
from latchkey.validation import InvalidParameters
from ratelimit.plan_limit import PlanLimit, Shared

_MOST_NAMED: Final = 3


def check_key_plan(plan: str | None, owner: str) -> None:
    """Raise InvalidParameters if a key of this owner can't have the plan. Lock what the answer depends on.

    Without a plan, nothing is read.
    """
    if plan is None:
        return
    of_owner = Owner.objects.select_for_update(no_key=True).filter(name=owner).first()
    names = {plan, of_owner.plan_name if of_owner else None} - {None}
    # The locks keep another change from adding a limit to these plans before this one is committed. They don't keep
    # others from giving the plans to keys meanwhile.
    locked = Plan.objects.select_for_update(no_key=True).filter(name__in=names).order_by("name")
    plans = {found.name: found for found in locked}
    if plan not in plans:
        raise _rejected("unknown-plan", "No plan has this name.")
    if plans[plan].has_owner_limits:
        detail = "This plan belongs to owners, because their keys share some of its limits. Give it to the owner."
        raise _rejected("owner-plan", detail)
    if of_owner is None or of_owner.plan_name is None:
        return
    twice = names_in_both(plans[plan].parsed_limits, plans[of_owner.plan_name].parsed_limits)
    if twice:
        raise _rejected("duplicate-limit", f"The plan of the key's owner has limits of the same name: {twice}.")


def names_in_both(of_key: Iterable[PlanLimit], of_owner: Iterable[PlanLimit]) -> str:
    """Return the names of the key limits of a key's plan that its owner's plan has as owner limits, as text."""
    own = {limit.name for limit in of_key if limit.shared is Shared.KEY}
    return ", ".join(sorted(own & {limit.name for limit in of_owner if limit.shared is Shared.OWNER}))


def keys_with_clash(plan: str, limits: Iterable[PlanLimit], changed: Owner | None = None) -> list[str]:
    """Return the IDs of a few keys in which a name would occur twice if the plan had these limits.

    If `changed` is given, only of its keys, and as if it had the plan already.
    """
    stated = tuple(limits)
    others = {found.name: found.parsed_limits for found in Plan.objects.exclude(name=plan)}
    # Nearly always, no name clashes with that of any plan. Then no key is read, however many have the plan.
    clashing = [name for name, of_key in others.items() if names_in_both(of_key, stated)]
    of_owner = Owner.objects.filter(plan__name=plan).values("name") if changed is None else [changed.name]
    found = _key_ids(clashing, of_owner) if clashing else []
    if changed is None and (clashing := [name for name, owner in others.items() if names_in_both(stated, owner)]):
        found += _key_ids([plan], Owner.objects.filter(plan__name__in=clashing).values("name"))
    return found[:_MOST_NAMED]


def _key_ids(plans: Collection[str], owners: Iterable[object]) -> list[str]:
    """Return the IDs of a few keys that have one of the plans and one of the owners."""
    keys = APIKey.objects.filter(plan__name__in=plans, owner__in=owners, revoked_at__isnull=True).order_by()
    return list(keys.values_list("key_id", flat=True)[:_MOST_NAMED])


def _rejected(code: str, detail: str) -> InvalidParameters:
    return InvalidParameters.of([FieldError("/plan", code, detail)])
