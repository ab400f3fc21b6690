"""Rules about the plan of a key, and the names of limits that meet in one key."""

from collections.abc import Iterable
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
    # The lock keeps another change from giving the plan an owner limit before this one is committed. It allows others
    # to give the plan to keys meanwhile.
    found = Plan.objects.select_for_update(no_key=True).filter(name=plan).first()
    if found is None:
        raise _rejected("unknown-plan", "No plan has this name.")
    if found.has_owner_limits:
        detail = "This plan belongs to owners, because their keys share some of its limits. Give it to the owner."
        raise _rejected("owner-plan", detail)
    of_owner = Owner.objects.select_for_update(no_key=True, of=("self",)).filter(name=owner).first()
    if of_owner is None or of_owner.plan is None:
        return
    twice = names_in_both(found.parsed_limits, of_owner.plan.parsed_limits)
    if twice:
        raise _rejected("duplicate-limit", f"The plan of the key's owner has limits of the same name: {twice}.")


def names_in_both(of_key: Iterable[PlanLimit], of_owner: Iterable[PlanLimit]) -> str:
    """Return the names of the key limits of a key's plan that its owner's plan has as owner limits, as text."""
    own = {limit.name for limit in of_key if limit.shared is Shared.KEY}
    return ", ".join(sorted(own & {limit.name for limit in of_owner if limit.shared is Shared.OWNER}))


def keys_with_clash(plan: str, limits: Iterable[PlanLimit], owner: str | None = None) -> list[str]:
    """Return the IDs of a few keys in which a name would occur twice if the plan had these limits, of one owner if
    given.
    """
    limits = tuple(limits)
    # In both directions: the plan may be that of a key, or of the key's owner.
    owners = Owner.objects.filter(plan__isnull=False)
    if owner is not None:
        owners = owners.filter(name=owner)
    keys = APIKey.objects.filter(plan__isnull=False, owner__in=owners.values("name"), revoked_at__isnull=True)
    of_owner = {found.name: str(found.plan_id) for found in owners}
    parsed = {found.name: found.parsed_limits for found in Plan.objects.exclude(name=plan)} | {plan: limits}
    clashing = [
        (of_key, name)
        for of_key, name in keys.order_by().values_list("plan__name", "owner").distinct()
        if plan in (of_key, of_owner[name]) and names_in_both(parsed[of_key], parsed[of_owner[name]])
    ]
    key_ids: list[str] = []
    for of_key, name in clashing[:_MOST_NAMED]:
        key_ids += keys.filter(plan__name=of_key, owner=name).values_list("key_id", flat=True)[:1]
    return key_ids


def _rejected(code: str, detail: str) -> InvalidParameters:
    return InvalidParameters.of([FieldError("/plan", code, detail)])
