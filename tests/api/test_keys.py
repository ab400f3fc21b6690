"""/v1/keys: create, show, change, rotate and revoke, as a client sees them."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apikeys.config_service import ConfigService, IssuedKey
from events.models import Event
from latchkey.credentials import SECRET_FIELDS, parse_credential
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
KEY_MEMBERS = [
    "key_id", "label", "owner", "scopes", "rate_limit", "plan", "enabled", "state", "created_at", "expires_at",
    "revoked_at", "last_used_at", "metadata", "secrets",
]  # fmt: skip


def test_whoami_returns_caller(api: Caller, root: IssuedKey) -> None:
    response = api.get("/v1/whoami", headers={"X-Request-Id": "trace-1"})
    assert response.status_code == 200
    assert response.json() == {
        "key_id": root.key.key_id,
        "label": "root",
        "owner": "",
        "scopes": ["*"],
        "rate_limit": {"burst": 1000, "per_seconds": 60},
        "remaining": 999,
        "request_id": "trace-1",
    }
    assert response["X-Request-Id"] == "trace-1"
    assert response["RateLimit-Policy"] == '"key";q=1000;w=60'
    assert response["RateLimit"] == '"key";r=999;t=1'
    assert (response["X-RateLimit-Limit"], response["X-RateLimit-Remaining"]) == ("1000", "999")
    assert response["X-RateLimit-Reset"] == "1"


def test_cached_key_needs_no_query(api: Caller) -> None:
    api.get("/v1/whoami")
    with CaptureQueriesContext(connection) as queries:
        assert api.get("/v1/whoami").status_code == 200
    assert len(queries) == 0


def test_create_shows_secret_once(api: Caller) -> None:
    wanted = {
        "label": "billing",
        "owner": "ada",
        "scopes": ["keys:read"],
        "rate_limit": {"burst": 5, "per_seconds": 60},
        "expires_at": "2099-01-01T00:00:00+02:00",
        "metadata": {"team": "money"},
    }
    response = api.post("/v1/keys", wanted)
    body = response.json()
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert response["Location"] == f"/v1/keys/{body['key_id']}"
    assert list(body) == [*KEY_MEMBERS, *SECRET_FIELDS]
    assert body["expires_at"] == "2098-12-31T22:00:00Z"
    assert {name: body[name] for name in wanted if name != "expires_at"} == {
        name: wanted[name] for name in wanted if name != "expires_at"
    }
    assert parse_credential(body["credential"]).secret == body["secret"]
    assert body["bearer_credential"] == body["credential"].replace(":", ".")
    shown = api.get(f"/v1/keys/{body['key_id']}")
    assert list(shown.json()) == [*KEY_MEMBERS, "limits"]
    assert "lks_" not in shown.content.decode()
    assert Caller(body["credential"]).get("/v1/whoami").status_code == 200


def test_show_returns_last_use_of_each_secret(api: Caller, service: ConfigService) -> None:
    issued = service.issue({"label": "x"})
    path = f"/v1/keys/{issued.key.key_id}"
    assert api.get(path).json()["last_used_at"] is None
    Caller(issued.credential.reveal()).get("/v1/whoami")
    service.rotate(issued.key.key_id)
    body = api.get(path).json()
    retiring, active = body["secrets"]
    assert (retiring["state"], active["state"]) == ("retiring", "active")
    assert RFC3339.fullmatch(retiring["last_used_at"])
    assert active["last_used_at"] is None
    assert body["last_used_at"] == retiring["last_used_at"]


def test_reused_slot_hides_use_of_previous_secret(api: Caller, service: ConfigService) -> None:
    issued = service.issue({"label": "x"})
    Caller(issued.credential.reveal()).get("/v1/whoami")
    for _ in range(2):
        service.rotate(issued.key.key_id, {"grace_seconds": 0})
    (secret,) = api.get(f"/v1/keys/{issued.key.key_id}").json()["secrets"]
    assert secret["last_used_at"] is None


def test_patch_changes_sent_fields(api: Caller, service: ConfigService) -> None:
    key_id = service.issue({"label": "x", "owner": "ada"}).key.key_id
    body = api.patch(f"/v1/keys/{key_id}", {"label": "y", "rate_limit": None, "enabled": False}).json()
    assert (body["label"], body["owner"], body["rate_limit"], body["state"]) == ("y", "ada", None, "disabled")
    event = Event.objects.last()
    assert event is not None
    assert event.actor.startswith("key:lk_")
    assert len(event.request_id) == 32


def test_delete_revokes(api: Caller, service: ConfigService) -> None:
    issued = service.issue({"label": "x"})
    path = f"/v1/keys/{issued.key.key_id}"
    response = api.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(path).json()["state"] == "revoked"
    assert Caller(issued.credential.reveal()).get("/v1/whoami").json()["type"].endswith("/problems/revoked-key")
    again = api.delete(path)
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "already-revoked")


def test_rotation(api: Caller, service: ConfigService) -> None:
    issued = service.issue({"label": "x"})
    path = f"/v1/keys/{issued.key.key_id}/rotate"
    response = api.post(path, {"grace_seconds": 3600})
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    new = response.json()["credential"]
    conflict = api.post(path)
    assert (conflict.status_code, conflict.json()["type"].rpartition("/")[2]) == (409, "rotation-in-progress")
    for credential in (new, issued.credential.reveal()):
        assert Caller(credential).get("/v1/whoami").status_code == 200
    assert api.post(f"{path}/finish").status_code == 200
    assert Caller(new).get("/v1/whoami").status_code == 200
    assert Caller(issued.credential.reveal()).get("/v1/whoami").status_code == 401


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_unknown_key_is_404(api: Caller, method: str) -> None:
    response = getattr(api, method)("/v1/keys/lk_000000000000", {})
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
