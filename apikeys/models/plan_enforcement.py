"""Condition of keys that a limit of a plan can refuse."""

from django.db.models import Q

from apikeys.models.owner import Owner
from apikeys.models.plan import Plan


def limited_by_plans() -> Q:
    """Return the condition of the keys that have an enforced limit from a plan.

    As in `apikeys.policies.effective`, a key has the key limits of its own plan or else of its owner's plan, and always
    the owner limits of its owner's plan.
    """
    # Subqueries that don't refer to the key: a database runs each once, however many keys there are.
    own_plans = Plan.objects.filter(enforces_for_keys=True).order_by().values("name")
    owners = Owner.objects.order_by().values("name")
    of_owner = Q(owner__in=owners.filter(plan__enforces_for_owners=True))
    instead_of_own = Q(plan__isnull=True, owner__in=owners.filter(plan__enforces_for_keys=True))
    return Q(plan__in=own_plans) | of_owner | instead_of_own
