"""What tests of reservations ask, and with which plans."""

from typing import Any

from apikeys.config_service import ConfigService
from apikeys.policies.service import PolicyService
from tests.conftest import Caller

TOKENS: dict[str, Any] = {"name": "budget", "unit": "tokens", "quota": {"quota": 1000, "per": "once"}}
TPM: dict[str, Any] = {"name": "tpm", "unit": "tokens", "rate": {"burst": 1000, "per_seconds": 2_678_400}}
STREAMS: dict[str, Any] = {"name": "streams", "concurrency": 2}
UNKNOWN = "res_0123456789ab_0123456789abcdefghijkl"


def issue(service: ConfigService, policies: PolicyService, *limits: dict[str, Any], **more: Any) -> str:
    """A key with a plan of these limits. Return its credential."""
    policies.create_plan({"name": "gold", "limits": list(limits)})
    values = {"label": "x", "plan": "gold", "rate_limit": {"burst": 5, "per_seconds": 2_678_400}, **more}
    return service.issue(values).credential.reveal()


def reserve(gateway: Caller, credential: str, tokens: int | None = 800, **more: Any) -> Any:
    """Reserve for a minute."""
    costs = {} if tokens is None else {"costs": {"tokens": tokens}}
    name = more.pop("name", None)
    return gateway.post(
        "/v1/reservations",
        {"credential": credential, "ttl_seconds": 60, **costs, **more},
        headers={"Idempotency-Key": name} if name else None,
    )


def settle(gateway: Caller, reservation: str, **costs: int) -> Any:
    return gateway.post(f"/v1/reservations/{reservation}/settle", {"costs": costs})


def made(response: Any) -> str:
    assert response.status_code == 201, response.content
    return str(response.json()["reservation"])


def used(api: Caller, credential: str) -> dict[str, int]:
    """What is used of each limit of a key."""
    found = api.get(f"/v1/keys/{credential.partition(':')[0]}/limits").json()["limits"]
    return {limit["name"]: limit["used"] for limit in found}


def slug(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rpartition("/")[2]
