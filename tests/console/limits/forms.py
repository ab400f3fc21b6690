"""What a browser sends with the form of a plan, and plans and owners for tests."""

from typing import Any

from apikeys.models import Owner, Plan
from apikeys.policies.service import PolicyService
from events.origin import Origin

PLANS = "/admin/apikeys/plan/"
OWNERS = "/admin/apikeys/owner/"
MONTHLY = {"name": "monthly", "shared": "owner", "quota": {"quota": 1000, "per": "month"}}
PER_SECOND = {"name": "per_second", "rate": {"burst": 100, "per_seconds": 1}}
EMPTY = {
    "name": "", "kind": "quota", "amount": "", "per": "month", "seconds": "", "unit": "requests", "shared": "key",
    "mode": "enforce", "timezone": "UTC", "starts": "calendar",
}  # fmt: skip


def plan_form(*limits: dict[str, str], **top: str) -> dict[str, str]:
    """Return the whole form with these limits first, and the others empty."""
    rows = [*limits, *({} for _ in range(8 - len(limits)))]
    return {
        **top,
        **{
            f"limit-{number}-{name}": text for number, row in enumerate(rows) for name, text in {**EMPTY, **row}.items()
        },
    }


def policies() -> PolicyService:
    return PolicyService(Origin("command:test", "request-of-test"))


def create_plan(name: str = "team", *limits: dict[str, Any]) -> Plan:
    return policies().create_plan({"name": name, "limits": list(limits) or [PER_SECOND, MONTHLY]})


def create_owner(name: str = "ACME", **values: object) -> Owner:
    return policies().create_owner({"name": name, "plan": "team", **values})
