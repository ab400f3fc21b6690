"""/v1/overrides: grant, list and end, as a client sees them."""

from typing import Any

import pytest

from apikeys.config_service import ConfigService
from tests.api.plans import path_of, pointers, states
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

UNTIL = "2099-01-01T00:00:00Z"


def of_owner(**more: Any) -> dict[str, Any]:
    return {"owner": "acme", "limit": "monthly", "quota": 2000, "until": UNTIL, "reason": "launch week", **more}


def test_override_of_owner_applies_and_ends(api: Caller, acme: str) -> None:
    granted = api.post("/v1/overrides", of_owner())
    assert granted.status_code == 201
    shown = granted.json()
    assert (shown["owner"], shown["key_id"], shown["limit"], shown["quota"]) == ("acme", None, "monthly", 2000)
    assert (shown["until"], shown["reason"]) == (UNTIL, "launch week")
    assert not {"rate", "concurrency"} & shown.keys()
    assert states(api.get(f"{acme}/limits"))["monthly"]["limit"] == 2000
    assert api.delete(f"/v1/overrides/{shown['id']}").status_code == 204
    assert states(api.get(f"{acme}/limits"))["monthly"]["limit"] == 1000
    assert api.delete(f"/v1/overrides/{shown['id']}").status_code == 204
    assert api.get("/v1/overrides").json()["items"] == []
    assert api.delete("/v1/overrides/999").status_code == 404


def test_override_of_key(api: Caller, acme_key: Caller) -> None:
    path = path_of(acme_key)
    key_id = path.rpartition("/")[2]
    rate = {"key_id": key_id, "limit": "per_second", "rate": {"burst": 7, "per_seconds": 1}, "until": UNTIL}
    granted = api.post("/v1/overrides", {**rate, "reason": "x"})
    assert granted.status_code == 201
    assert states(api.get(f"{path}/limits"))["per_second"]["limit"] == 7


def test_list_is_filtered(api: Caller, acme_key: Caller) -> None:
    key_id = path_of(acme_key).rpartition("/")[2]
    one = api.post("/v1/overrides", of_owner()).json()
    values = {"key_id": key_id, "limit": "trial", "quota": 9, "until": UNTIL, "reason": "x"}
    other = api.post("/v1/overrides", values).json()

    def ids(query: str) -> list[int]:
        return [item["id"] for item in api.get(f"/v1/overrides{query}").json()["items"]]

    assert ids("") == [other["id"], one["id"]]
    assert ids("?owner=acme") == [one["id"]]
    assert ids(f"?key_id={key_id}") == [other["id"]]
    assert ids(f"?key_id={key_id}&owner=acme") == []
    first = api.get("/v1/overrides?limit=1").json()
    assert ids(f"?limit=1&cursor={first['next']}") == [one["id"]]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"quota": 0, "until": "2020-01-01T00:00:00Z", "reason": 1, "x": 1}, {"/quota", "/until", "/reason", "/x"}),
        ({"until": "tomorrow", "limit": 1}, {"/until", "/limit"}),
        ({"limit": "other"}, {"/limit"}),
        ({"limit": "trial"}, {"/limit"}),
    ],
)
def test_override_is_validated(
    api: Caller,
    acme: str,
    more: dict[str, object],
    expected: set[str],
) -> None:
    assert set(pointers(api.post("/v1/overrides", of_owner(**more)))) == expected


def test_override_has_one_subject_and_one_amount_of_the_kind_of_its_limit(
    api: Caller,
    acme_key: Caller,
) -> None:
    key_id = path_of(acme_key).rpartition("/")[2]
    rate = {"burst": 1, "per_seconds": 1}
    without_quota = {name: value for name, value in of_owner().items() if name != "quota"}
    without_owner = {name: value for name, value in of_owner().items() if name != "owner"}
    for body in (
        of_owner(key_id=key_id), of_owner(rate=rate), without_quota, without_owner, {**without_quota, "rate": rate},
        {**without_owner, "key_id": key_id},
    ):  # fmt: skip
        assert api.post("/v1/overrides", body).status_code == 422
    assert api.get("/v1/overrides").json()["items"] == []


def test_scopes_are_those_of_the_subject(api: Caller, acme_key: Caller, service: ConfigService) -> None:
    key_id = path_of(acme_key).rpartition("/")[2]
    of_key = {"key_id": key_id, "limit": "trial", "quota": 9, "until": UNTIL, "reason": "x"}

    def client(*scopes: str) -> Caller:
        return Caller(service.issue({"label": "x", "scopes": list(scopes)}).credential.reveal())

    keys, owners = client("keys:read", "keys:write"), client("owners:read", "owners:write")
    assert keys.post("/v1/overrides", of_owner()).status_code == owners.post("/v1/overrides", of_key).status_code == 403
    granted = keys.post("/v1/overrides", of_key).json()["id"], owners.post("/v1/overrides", of_owner()).json()["id"]
    for caller, query in ((keys, f"key_id={key_id}"), (owners, "owner=acme")):
        assert len(caller.get(f"/v1/overrides?{query}").json()["items"]) == 1
        assert caller.get("/v1/overrides").status_code == 403
    assert keys.get("/v1/overrides?owner=acme").status_code == 403
    assert keys.delete(f"/v1/overrides/{granted[1]}").status_code == 403
    assert owners.delete(f"/v1/overrides/{granted[0]}").status_code == 403
    assert client("plans:write").delete("/v1/overrides/999").status_code == 403
    assert keys.delete(f"/v1/overrides/{granted[0]}").status_code == 204
    assert owners.delete(f"/v1/overrides/{granted[1]}").status_code == 204


def test_effective_by_is_sent_also_with_idempotency_key(api: Caller, acme: str) -> None:
    for path, body in (("/v1/overrides", of_owner()), ("/v1/owners", {"name": "B", "plan": "team"})):
        first, again = (api.post(path, body, headers={"Idempotency-Key": f"once-{path}"}) for _ in range(2))
        assert (first.status_code, again.json()) == (201, first.json())
        assert first["X-Latchkey-Effective-By"]
        # The second request changes nothing.
        assert "X-Latchkey-Effective-By" not in again
