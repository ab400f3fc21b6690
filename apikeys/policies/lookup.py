"""Lookup of plans, owners and overrides, with errors for operators and REST clients."""

from apikeys.errors import NotFound
from apikeys.models import Override, Owner, Plan


def find_plan(name: str) -> Plan:
    """Return the plan with this name. Raises NotFound."""
    plan = Plan.objects.filter(name=name).first()
    if plan is None:
        raise NotFound("No plan has this name.")
    return plan


def find_owner(slug: str) -> Owner:
    """Return the owner with this slug. Raises NotFound."""
    owner = Owner.objects.filter(slug=slug).first()
    if owner is None:
        raise NotFound("No owner has this slug.")
    return owner


def find_override(override_id: int) -> Override:
    """Return the override with this ID, which is in force. Raises NotFound."""
    found = Override.objects.select_related("owner").filter(pk=override_id, ended_at__isnull=True).first()
    if found is None:
        raise NotFound("No override in force has this ID.")
    return found
