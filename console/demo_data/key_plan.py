"""The plan of a key: with what it is issued, and how it will be used."""

from dataclasses import dataclass, field
from datetime import datetime

from console.demo_data.demand import Demand

Limit = dict[str, int]


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key to issue. Nobody uses it any more after `used_until`; None is for one that is in use to this day."""

    label: str
    owner: str
    scopes: tuple[str, ...]
    rate_limit: Limit | None
    expires_at: datetime | None
    demand: Demand
    used_until: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, object]:
        """The key as `ConfigService.issue` receives it."""
        return {
            "label": self.label,
            "owner": self.owner,
            "scopes": list(self.scopes),
            "rate_limit": self.rate_limit,
            "expires_at": self.expires_at,
            "metadata": dict(self.metadata),
        }


def service_key(label: str, owner: str, demand: Demand, expires_at: datetime | None, *, burst: int = 600) -> KeyPlan:
    """A key such as most services have: a limit of `burst` a minute, and the right to read."""
    return KeyPlan(
        label=label,
        owner=owner,
        scopes=("events:read", "orders:read"),
        rate_limit={"burst": burst, "per_seconds": 60},
        expires_at=expires_at,
        demand=demand,
        metadata={"environment": "production"},
    )
