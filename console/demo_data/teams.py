"""Teams of the demo's company, and their services."""

from dataclasses import dataclass
from typing import Final

from console.demo_data.demand import Rhythm


@dataclass(frozen=True, slots=True)
class Team:
    """A team that owns keys: the names and scopes of its services, and their daily pattern.

    `busy` is the maximum number of requests that one of its services makes on a weekday. `project` is the prefix of
    the team's ticket numbers.
    """

    name: str
    project: str
    services: tuple[str, ...]
    scopes: tuple[str, ...]
    rhythm: Rhythm
    busy: int


TEAMS: Final = (
    Team(
        "payments",
        "PAY",
        ("checkout API", "billing worker", "refund desk", "fraud scoring", "ledger export", "payout scheduler"),
        ("payments:read", "payments:write", "refunds:write", "ledger:read"),
        Rhythm.SHOPPING,
        40_000,
    ),
    Team(
        "storefront",
        "SHOP",
        ("product pages", "search frontend", "recommendations", "basket", "newsletter sign-up", "price feed"),
        ("catalog:read", "prices:read", "basket:write", "search:read"),
        Rhythm.SHOPPING,
        90_000,
    ),
    Team(
        "mobile",
        "APP",
        ("iOS app", "Android app", "push gateway", "feature flags", "crash reports", "deep links"),
        ("catalog:read", "orders:read", "push:send", "flags:read"),
        Rhythm.SHOPPING,
        60_000,
    ),
    Team(
        "analytics",
        "DATA",
        ("nightly warehouse load", "revenue dashboard", "cohort job", "event backfill", "churn model", "data quality"),
        ("orders:read", "events:read", "customers:read", "reports:read"),
        Rhythm.NIGHT,
        25_000,
    ),
    Team(
        "logistics",
        "LOG",
        ("label printer", "carrier tracking", "stock sync", "returns portal", "route planner", "dock scanner"),
        ("shipments:read", "shipments:write", "stock:read", "stock:write"),
        Rhythm.OFFICE,
        12_000,
    ),
    Team(
        "partners",
        "PART",
        ("Northwind reseller", "Contoso marketplace", "Fabrikam pricing", "affiliate feed", "Tailspin travel"),
        ("catalog:read", "orders:write", "prices:read"),
        Rhythm.CLOCKWORK,
        15_000,
    ),
    Team(
        "platform",
        "OPS",
        ("deploy pipeline", "log shipper", "backup verifier", "load balancer check", "secret scanner", "ci runner"),
        ("keys:read", "events:read", "deploys:write", "verify"),
        Rhythm.CLOCKWORK,
        8_000,
    ),
    Team(
        "support",
        "CARE",
        ("help desk", "chat assistant", "callback planner", "order look-up", "voucher tool", "satisfaction survey"),
        ("customers:read", "orders:read", "vouchers:write"),
        Rhythm.OFFICE,
        4_000,
    ),
)
PEOPLE: Final = ("user:mara", "user:jonas", "user:priya", "user:tomasz", "command:issue_key")
"""Actors of the demo's changes."""
