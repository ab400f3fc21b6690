"""Plans, owners, overrides and limits as the API shows them."""

from typing import Any, Final

from tests.latchkey.client.responses import KEY_ID

RATE: Final[dict[str, Any]] = {
    "name": "per_second", "unit": "requests", "mode": "enforce", "shared": "key",
    "rate": {"burst": 100, "per_seconds": 1},
}  # fmt: skip
QUOTA: Final[dict[str, Any]] = {
    "name": "monthly", "unit": "tokens", "mode": "observe", "shared": "owner",
    "quota": {"quota": 1_000_000, "per": "month", "timezone": "Europe/Berlin", "starts": "anchor"},
}  # fmt: skip
SLOTS: Final[dict[str, Any]] = {
    "name": "streams", "unit": "requests", "mode": "enforce", "shared": "key", "concurrency": 5,
}  # fmt: skip
PLAN: Final[dict[str, Any]] = {"name": "pro", "limits": [RATE, QUOTA, SLOTS]}
OWNER: Final[dict[str, Any]] = {
    "name": "ACME Inc.", "slug": "acme", "display_name": "ACME", "contacts": ["ops@acme.example"],
    "period_anchor": "2027-01-31", "plan": "pro",
}  # fmt: skip
OVERRIDE: Final[dict[str, Any]] = {
    "id": 7, "owner": "acme", "limit": "monthly", "quota": 2_000_000, "until": "2099-02-01T00:00:00Z",
    "reason": "launch", "granted_at": "2027-01-01T00:00:00Z", "ended_at": None,
}  # fmt: skip
KEY_OVERRIDE: Final[dict[str, Any]] = {
    **{name: value for name, value in OVERRIDE.items() if name not in ("owner", "quota")},
    "id": 8, "key_id": KEY_ID, "limit": "per_second", "rate": {"burst": 2000, "per_seconds": 1},
}  # fmt: skip
LIMIT: Final[dict[str, Any]] = {
    "name": "monthly", "unit": "tokens", "mode": "observe", "shared": "owner", "limit": 1_000_000, "used": 812_345,
    "remaining": 187_655, "resets_at": "2099-02-01T00:00:00Z",
}  # fmt: skip
RATE_LIMIT: Final[dict[str, Any]] = {
    "name": "per_second", "unit": "requests", "mode": "enforce", "shared": "key", "limit": 100, "used": 0,
    "remaining": 100, "resets_at": None,
}  # fmt: skip
