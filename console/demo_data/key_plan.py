"""Plan of a demo key: its fields when it is issued, and its later use."""

from dataclasses import dataclass, field
from datetime import datetime

from console.demo_data.demand import Demand

Limit = dict[str, int]


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key to issue. It is used until `used_until`, or to the present if that is None."""

    label: str
    owner: str
    scopes: tuple[str, ...]
    rate_limit: Limit | None
    expires_at: datetime | None
    demand: Demand
    used_until: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    plan: str | None = None

    def values(self) -> dict[str, object]:
        """Return the key's fields as `ConfigService.issue` expects them."""
        return {
            "label": self.label,
            "owner": self.owner,
            "scopes": list(self.scopes),
            "rate_limit": self.rate_limit,
            "expires_at": self.expires_at,
            "metadata": dict(self.metadata),
            "plan": self.plan,
        }


def service_key(label: str, owner: str, demand: Demand, expires_at: datetime | None, *, burst: int = 600) -> KeyPlan:
    """Return the plan of a typical service's key: read-only scopes, and a limit of `burst` requests per minute."""
    return KeyPlan(
        label=label,
        owner=owner,
        scopes=("events:read", "orders:read"),
        rate_limit={"burst": burst, "per_seconds": 60},
        expires_at=expires_at,
        demand=demand,
        metadata={"environment": "production"},
    )
