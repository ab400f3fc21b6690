"""Plans that tests create over REST, and what they read of responses."""

from typing import Any

from tests.conftest import Caller

# It doesn't refill while a test runs.
RATE: dict[str, Any] = {"name": "per_second", "rate": {"burst": 100, "per_seconds": 2_678_400}}
MONTHLY: dict[str, Any] = {"name": "monthly", "shared": "owner", "quota": {"quota": 1000, "per": "month"}}
ONCE: dict[str, Any] = {"name": "trial", "unit": "tokens", "mode": "observe", "quota": {"quota": 50, "per": "once"}}


def pointers(response: Any) -> dict[str, str]:
    assert response.status_code == 422, response.content
    return {error["pointer"]: error["code"] for error in response.json()["errors"]}


def path_of(key: Caller) -> str:
    return f"/v1/keys/{key.get('/v1/whoami').json()['key_id']}"


def states(response: Any) -> dict[str, dict[str, Any]]:
    assert response.status_code == 200, response.content
    return {limit["name"]: limit for limit in response.json()["limits"]}
