"""A change that was decided on one state of a key or a webhook is not applied to another."""

from typing import Any

import pytest

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, KeySecret
from events.models import Event, WebhookEndpoint
from latchkey.preconditions import PreconditionFailed
from tests.conftest import Caller

pytestmark = pytest.mark.django_db
CHANGES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("patch", "", {"label": "new"}),
    ("patch", "", {}),
    ("delete", "", None),
    ("post", "/rotate", {}),
    ("post", "/rotate/finish", {}),
]


@pytest.fixture
def path(service: ConfigService) -> str:
    return f"/v1/keys/{service.issue({'label': 'x'}).key.key_id}"


def change(api: Caller, method: str, path: str, body: object, if_match: str) -> Any:
    return getattr(api, method)(path, body, headers={"If-Match": if_match})


@pytest.mark.parametrize(
    "values",
    [
        {"label": "new"}, {"owner": "ada"}, {"scopes": ["orders:read"]}, {"rate_limit": None}, {"enabled": False},
        {"expires_at": "2099-01-01T00:00:00Z"}, {"metadata": {"team": 7}},
    ],
)  # fmt: skip
def test_etag_changes_with_every_change(api: Caller, path: str, values: dict[str, Any]) -> None:
    assert api.get(path)["ETag"] == '"1"'
    assert api.patch(path, values)["ETag"] == '"2"'
    assert api.patch(path, values)["ETag"] == '"2"'  # it is so already
    assert api.get(path)["ETag"] == '"2"'


def test_every_key_response_has_etag(api: Caller) -> None:
    created = api.post("/v1/keys", {"label": "x"})
    path = created["Location"]
    assert created["ETag"] == api.get(path)["ETag"] == '"1"'
    assert api.post(f"{path}/rotate")["ETag"] == '"2"'
    assert api.post(f"{path}/rotate/finish")["ETag"] == '"3"'
    assert api.post(f"{path}/rotate/finish")["ETag"] == '"3"'
    assert api.head(path)["ETag"] == '"3"'


@pytest.mark.parametrize(("method", "rest", "body"), CHANGES)
def test_stale_if_match_is_rejected(
    api: Caller, service: ConfigService, path: str, method: str, rest: str, body: object
) -> None:
    service.rotate(path.removeprefix("/v1/keys/"))
    before, told = api.get(path), Event.objects.count()
    for stale in ('"1"', f"W/{before['ETag']}", '"of-another"'):
        refused = change(api, method, path + rest, body, stale)
        assert refused.status_code == 412
        assert refused.json()["type"].endswith("/problems/precondition-failed")
        assert refused.json()["detail"] == "The key has changed since you read it."
    assert api.get(path).json() == before.json()
    assert (api.get(path)["ETag"], Event.objects.count()) == (before["ETag"], told)


@pytest.mark.parametrize(("method", "rest", "body"), CHANGES)
@pytest.mark.parametrize("if_match", ['"1"', "*", '"0", "1"'])
def test_current_if_match_is_accepted(
    api: Caller, path: str, method: str, rest: str, body: object, if_match: str
) -> None:
    assert change(api, method, path + rest, body, if_match).status_code in (200, 204)


@pytest.mark.parametrize(("method", "rest", "body"), CHANGES)
def test_malformed_if_match_is_rejected(api: Caller, path: str, method: str, rest: str, body: object) -> None:
    refused = change(api, method, path + rest, body, "1")
    assert refused.status_code == 400
    assert "with its quotes" in refused.json()["detail"]
    assert api.get(path)["ETag"] == '"1"'


def test_revoked_precedes_stale(api: Caller, path: str) -> None:
    assert change(api, "patch", "/v1/keys/lk_000000000000", {}, '"1"').status_code == 404
    assert api.delete(path).status_code == 204
    assert change(api, "delete", path, None, '"1"').status_code == 409


def test_if_match_is_checked_under_lock(service: ConfigService, root: IssuedKey) -> None:
    key_id = root.key.key_id
    deciding = ConfigService(service._origin, expected={1})
    assert deciding.update(key_id, {"label": "first"}).epoch == 2
    with pytest.raises(PreconditionFailed):
        deciding.update(key_id, {"label": "second"})
    assert APIKey.objects.get().label == "first"


def living(key_id: str) -> dict[str, int]:
    return dict(KeySecret.objects.filter(key__key_id=key_id).values_list("state", "pk"))


def test_finish_ends_named_secret(api: Caller, service: ConfigService, path: str) -> None:
    key_id = path.removeprefix("/v1/keys/")
    service.rotate(key_id)
    first = living(key_id)
    for other in (first["active"], first["retiring"] + 1000):
        refused = api.post(f"{path}/rotate/finish", {"secret_id": other})
        assert (refused.status_code, living(key_id)) == (412, first)
    assert api.post(f"{path}/rotate/finish", {"secret_id": first["retiring"]}).status_code == 200
    assert living(key_id) == {"active": first["active"]}
    # The response was lost, and the call is made again: nothing is left to do.
    assert api.post(f"{path}/rotate/finish", {"secret_id": first["retiring"]}).status_code == 200
    service.rotate(key_id)
    assert api.post(f"{path}/rotate/finish", {"secret_id": first["retiring"]}).status_code == 412
    assert living(key_id)["retiring"] == first["active"]


@pytest.mark.parametrize("body", [{"secret_id": "1"}, {"secret_id": True}, {"secret_id": 0}, {"secret": 1}, []])
def test_finish_rejects_invalid_body(api: Caller, path: str, body: object) -> None:
    assert api.post(f"{path}/rotate/finish", body).status_code == 422


def test_webhook_if_match(api: Caller) -> None:
    created = api.post("/v1/webhooks", {"url": "https://hooks.example/"})
    path, first = created["Location"], created["ETag"]
    assert api.get(path)["ETag"] == first
    second = api.patch(path, {"label": "new"}, headers={"If-Match": first})["ETag"]
    assert second != first
    calls = (
        ("patch", ""),
        ("delete", ""),
        *(("post", end) for end in ("/rotate-secret", "/test", "/deliveries/1/resend")),
    )
    for method, rest in calls:
        assert change(api, method, path + rest, {}, first).status_code == 412
    third = change(api, "post", f"{path}/rotate-secret", {}, second)["ETag"]
    assert third not in (first, second)
    assert change(api, "delete", path, None, third).status_code == 204
    assert WebhookEndpoint.objects.count() == 0
