"""JSON representation of plans, owners and overrides, the same for REST and commands."""

from apikeys.models import Override, Owner, Plan
from latchkey.timestamps import rfc3339


def plan_json(plan: Plan) -> dict[str, object]:
    """Return the plan as JSON."""
    return {"name": plan.name, "limits": plan.limits}


def owner_json(owner: Owner) -> dict[str, object]:
    """Return the owner as JSON."""
    return {
        "name": owner.name,
        "slug": owner.slug,
        "display_name": owner.display_name,
        "contacts": owner.contacts,
        "period_anchor": owner.period_anchor.isoformat() if owner.period_anchor else None,
        "plan": owner.plan_id,
    }


def override_json(override: Override) -> dict[str, object]:
    """Return the override as JSON, with the one of `rate`, `quota` and `concurrency` that it replaces."""
    return {
        "id": override.pk,
        "key_id": override.key_id,
        "owner": override.owner.slug if override.owner else None,
        "limit": override.limit,
        override.kind: getattr(override, override.kind),
        "until": rfc3339(override.until),
        "reason": override.reason,
        "granted_at": rfc3339(override.created_at),
        "ended_at": rfc3339(override.ended_at) if override.ended_at else None,
    }
