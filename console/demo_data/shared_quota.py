"""Second part of `make demo`: a plan whose quota two keys of an owner share."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import httpx

QUOTA: Final = 4
CALLS: Final = 6
TOP_UP: Final = 2
_LIMIT: Final = "prepaid"


class Demo(Protocol):
    """What a part of the demo needs of it: `walkthrough.Demo`."""

    root: str
    report: Callable[[str], None]

    def call(self, method: str, path: str, credential: str, **content: Any) -> httpx.Response:
        """Call the server with the credential."""

    def expect(self, response: httpx.Response, status: int) -> None:
        """Raise an error if the response has another status."""

    def check(self, holds: bool) -> None:
        """Raise an error unless it holds."""


def play_shared_quota(demo: Demo) -> None:
    """Sell calls to an owner of two keys, use them up, and add some. Raise what `demo` raises if a step fails."""
    demo.report(f"Create a plan: {QUOTA} calls, once, for all keys of an owner together")
    quota = {"name": _LIMIT, "shared": "owner", "quota": {"quota": QUOTA, "per": "once"}}
    _create(demo, "/v1/plans", {"name": "starter", "limits": [quota]})
    demo.report("Create the owner ACME with this plan, and issue two keys for it")
    owner = _create(demo, "/v1/owners", {"name": "ACME", "plan": "starter"})
    keys = [_create(demo, "/v1/keys", {"label": label, "owner": "ACME"}) for label in ("web shop", "warehouse")]
    demo.report(f"Call /v1/whoami {CALLS} times, with the two keys in turn")
    responses = [_call(demo, keys[number % 2]) for number in range(CALLS)]
    demo.check([response.status_code for response in responses] == [200] * QUOTA + [429] * (CALLS - QUOTA))
    demo.report(f"    {responses[-1].json()['detail']}")
    demo.check(all(response.json()["violated-policies"] == [_LIMIT] for response in responses[QUOTA:]))
    demo.report(f"Add {TOP_UP} calls")
    adjustment = {"add": -TOP_UP, "reason": "ACME has paid"}
    path = f"/v1/owners/{owner['slug']}/limits/{_LIMIT}/adjust"
    adjusted = demo.call("POST", path, demo.root, json=adjustment)
    demo.expect(adjusted, 200)
    demo.check(adjusted.json()["remaining"] == TOP_UP)
    demo.expect(_call(demo, keys[0]), 200)


def _create(demo: Demo, path: str, values: dict[str, Any]) -> dict[str, Any]:
    response = demo.call("POST", path, demo.root, json=values)
    demo.expect(response, 201)
    created: dict[str, Any] = response.json()
    return created


def _call(demo: Demo, key: dict[str, Any]) -> httpx.Response:
    response = demo.call("GET", "/v1/whoami", key["credential"])
    left = "  quota used up" if response.status_code == 429 else ""
    demo.report(f"    {response.status_code}  {key['label']}{left}")
    return response
