"""Makes every call of the client that openapi-python-client generated: `python calls.py DOCUMENT URL CREDENTIAL`.

Runs where `latchkey_client` can be imported, without the rest of the project. Prints the calls that it made, as JSON.
"""

import importlib
import inspect
import json
import pkgutil
import re
import sys
import time
from pathlib import Path
from typing import Any

import latchkey_client.api
from latchkey_client import AuthenticatedClient

# What others need is made first, and what ends something comes last.
_ORDER = (
    "create",
    "grant",
    "list",
    "show",
    "",
    "rotate",
    "delivery",
    "update",
    "finish",
    "end",
    "delete",
    "remove",
    "revoke",
)


# What other calls have in their path: the name of the parameter, and the field of the response.
MADE = {
    "create_key": ("key_id", "key_id"),
    "create_webhook": ("webhook_id", "id"),
    "create_plan": ("name", "name"),
    "grant_waiver": ("waiver_id", "id"),
    "grant_override": ("override_id", "id"),
}


def rank(name: str) -> int:
    # The webhook of the example receives rotations, and one call about deliveries ends with this word.
    verb = "delivery" if name.endswith("_delivery") else name.partition("_")[0]
    return _ORDER.index(verb if verb in _ORDER else "")


def main(document: dict[str, Any], url: str, credential: str) -> None:
    client = AuthenticatedClient(url, credential, prefix="", auth_header_name="X-API-Key")
    bodies = examples(document)
    modules = {
        module.name.rpartition(".")[2]: importlib.import_module(module.name)
        for module in pkgutil.walk_packages(latchkey_client.api.__path__, "latchkey_client.api.")
        if not module.ispkg
    }
    ids: dict[str, Any] = {"slug": "acme", "limit_name": "monthly"}
    sell(client)
    credential_of_key = ""
    for name in sorted(modules, key=rank):
        if name.endswith("_delivery") and "delivery_id" not in ids:
            ids["delivery_id"] = delivered(modules["list_webhook_deliveries"], client, ids)
        if name.endswith("_reservation"):
            ids["reservation_id"] = reserved(client, credential_of_key)
        response = call(modules[name], client, ids, bodies.get(name))
        assert 200 <= response.status_code < 300, f"{name}: {response.status_code} {response.content!r}"
        assert response.parsed is not None or not response.content or name == "metrics", f"{name}: not parsed"
        unknown = getattr(response.parsed, "additional_properties", {})
        assert not unknown, f"{name}: the client does not know {list(unknown)}"
        if name in MADE:
            in_path, field = MADE[name]
            ids[in_path] = getattr(response.parsed, field)
        if name == "create_key":
            credential_of_key = response.parsed.credential
            send(client, "PATCH", f"/v1/keys/{ids['key_id']}", {"plan": "single"})
    print(json.dumps(sorted(modules)))


def sell(client: AuthenticatedClient) -> None:
    """Create what the examples are about: plans with a limit of one name, and an owner."""
    for name, shared in (("single", "key"), ("shared", "owner")):
        limit = {"name": "monthly", "shared": shared, "quota": {"quota": 1000, "per": "month"}}
        send(client, "POST", "/v1/plans", {"name": name, "limits": [limit]})
    send(client, "POST", "/v1/owners", {"name": "ACME", "slug": "acme", "plan": "shared"})


def reserved(client: AuthenticatedClient, credential: str) -> str:
    """The ID of a new reservation."""
    return str(send(client, "POST", "/v1/reservations", {"credential": credential, "ttl_seconds": 60})["reservation"])


def send(client: AuthenticatedClient, method: str, path: str, body: dict[str, Any]) -> Any:
    """Make a call that the generated client isn't tested with. Return its response."""
    response = client.get_httpx_client().request(method, path, json=body)
    assert response.is_success, response.content
    return response.json()


def delivered(module: Any, client: AuthenticatedClient, ids: dict[str, Any]) -> int:
    """The ID of the first delivery of an event, once the steward has tried to deliver."""
    deadline = time.monotonic() + 60
    while not (found := [item for item in call(module, client, ids, None).parsed.items if item.event_id]):
        assert time.monotonic() < deadline, "nothing was delivered"
        time.sleep(0.2)
    return int(found[-1].id)


def call(module: Any, client: AuthenticatedClient, ids: dict[str, Any], body: Any) -> Any:
    """Makes one call: with what is in its path, and the example body of the document."""
    wanted = inspect.signature(module.sync_detailed).parameters
    values: dict[str, Any] = {name: value for name, value in ids.items() if name in wanted}
    if "body" in wanted:
        (shape,) = {
            kind
            for name, kind in vars(module).items()
            if hasattr(kind, "from_dict") and re.search(rf"\b{name}\b", str(wanted["body"].annotation))
        }
        values["body"] = shape.from_dict(body)
    return module.sync_detailed(client=client, **values)


def examples(document: dict[str, Any]) -> dict[str, Any]:
    """The first example body of each call that has one."""
    found = {}
    for calls in document["paths"].values():
        for operation in calls.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in list(content.get("examples", {}).values())[:1]:
                found[operation["operationId"]] = example["value"]
    return found


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), *sys.argv[2:])
