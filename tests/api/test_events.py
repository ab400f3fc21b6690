import pytest

from apikeys.config_service import ConfigService, IssuedKey
from tests.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(service: ConfigService, root: IssuedKey) -> str:
    """A key that was issued, changed and revoked: events 2, 3 and 4."""
    key_id = service.issue({"label": "x"}).key.key_id
    service.update(key_id, {"rate_limit": {"burst": 5, "per_seconds": 60}})
    service.revoke(key_id)
    return key_id


def test_pages_continue_after_previous(api: Caller, other: str) -> None:
    page = api.get("/v1/events?limit=3").json()
    assert [event["id"] for event in page["items"]] == [1, 2, 3]
    assert page["next"] == 3
    rest = api.get(f"/v1/events?limit=3&after={page['next']}").json()
    assert ([event["id"] for event in rest["items"]], rest["next"]) == ([4], None)
    assert list(rest["items"][0]) == ["id", "type", "at", "actor", "request_id", "key_id", "data", "digest"]
    assert (rest["items"][0]["type"], rest["items"][0]["actor"]) == ("KeyRevoked", "command:test")


def test_filters(api: Caller, root: IssuedKey, other: str) -> None:
    def ids(query: str) -> list[int]:
        return [event["id"] for event in api.get(f"/v1/events?{query}").json()["items"]]

    assert ids(f"key_id={other}") == [2, 3, 4]
    assert ids("type=KeyIssued") == [1, 2]
    assert ids(f"type=KeyIssued&key_id={other}&after=1") == [2]
    assert ids("after=99") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("after=-1", "/after"),
        ("after=x", "/after"),
        ("after=" + "9" * 19, "/after"),
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        ("type=KeyEaten", "/type"),
        ("key_id=lk_x", "/key_id"),
    ],
)
def test_invalid_filters_are_rejected(api: Caller, query: str, pointer: str) -> None:
    response = api.get(f"/v1/events?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_no_event_contains_secret(api: Caller, service: ConfigService) -> None:
    issued = api.post("/v1/keys", {"label": "x"}).json()
    rotated = api.post(f"/v1/keys/{issued['key_id']}/rotate").json()
    text = api.get("/v1/events").content.decode()
    for secret in (issued["secret"], rotated["secret"]):
        assert secret not in text
        assert secret[4:20] not in text
