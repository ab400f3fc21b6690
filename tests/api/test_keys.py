"""The REST calls about keys, as a client sees them."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.config_service import ConfigService, IssuedKey
from apikeys.models import APIKey, Usage, UsageStep
from apikeys.usage.rollup import step_start
from events.models import Event
from latchkey.credentials import generate_secret, parse_credential
from ratelimit.stores import MemoryStore
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

KEY_MEMBERS = [
    "key_id", "label", "owner", "scopes", "rate_limit", "enabled", "state", "created_at", "expires_at",
    "revoked_at", "last_used_at", "metadata", "secrets",
]  # fmt: skip
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


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
    assert list(body) == [*KEY_MEMBERS, "secret", "credential"]
    assert body["expires_at"] == "2098-12-31T22:00:00Z"
    assert {name: body[name] for name in wanted if name != "expires_at"} == {
        name: wanted[name] for name in wanted if name != "expires_at"
    }
    assert parse_credential(body["credential"]).secret == body["secret"]
    shown = api.get(f"/v1/keys/{body['key_id']}")
    assert list(shown.json()) == KEY_MEMBERS
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


def test_pages_are_newest_first(api: Caller, service: ConfigService) -> None:
    made = [service.issue({"label": f"k{number}"}).key.key_id for number in range(5)][::-1]
    found: list[str] = []
    cursor = ""
    for _ in range(4):
        page = api.get(f"/v1/keys?limit=2{cursor and f'&cursor={cursor}'}").json()
        found += [item["key_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found[:5] == made
    assert len(found) == len(set(found)) == 6


def test_number_of_queries_is_constant(api: Caller, service: ConfigService) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get("/v1/keys").status_code == 200
        return len(captured)

    api.get("/v1/whoami")
    few = queries()
    for number in range(10):
        service.issue({"label": f"k{number}"})
    assert queries() == few


@pytest.mark.parametrize(
    ("state", "labels"),
    [
        ("active", {"root", "plain", "unlimited", "rotating"}),
        ("disabled", {"disabled"}),
        ("expired", {"expired"}),
        ("revoked", {"revoked"}),
        ("unlimited", {"unlimited"}),
        ("rotating", {"rotating"}),
    ],
)
def test_filter_by_state(api: Caller, service: ConfigService, state: str, labels: set[str]) -> None:
    service.issue({"label": "plain"})
    service.issue({"label": "unlimited", "rate_limit": None})
    service.update(service.issue({"label": "disabled"}).key.key_id, {"enabled": False})
    service.rotate(service.issue({"label": "rotating"}).key.key_id)
    service.revoke(service.issue({"label": "revoked", "rate_limit": None}).key.key_id)
    expired = service.issue({"label": "expired"}).key
    APIKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    items = api.get("/v1/keys", {"state": state}).json()["items"]
    assert {item["label"] for item in items} == labels
    if state in ("active", "disabled", "expired", "revoked"):
        assert {item["state"] for item in items} == {state}


def test_search(api: Caller, service: ConfigService) -> None:
    one = service.issue({"label": "Billing EU", "owner": "ada"}).key.key_id
    two = service.issue({"label": "other", "owner": "Adam"}).key.key_id

    def search(q: str) -> set[str]:
        return {item["key_id"] for item in api.get("/v1/keys", {"q": q}).json()["items"]}

    assert search("billing") == {one}
    assert search("ada") == {one, two}
    assert search(two[:9]) == {two}
    assert search("nothing") == set()
    assert search("%") == set()


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("cursor=x", "/cursor"),
        ("cursor=AAAA", "/cursor"),
        ("cursor=__________8", "/cursor"),
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=1e1", "/limit"),
        ("limit=%D9%A3", "/limit"),
        ("limit=" + "9" * 5000, "/limit"),
        ("state=dead", "/state"),
        ("q=%00", "/q"),
        ("q=" + "x" * 201, "/q"),
    ],
)
def test_invalid_list_parameters_are_rejected(api: Caller, query: str, pointer: str) -> None:
    response = api.get(f"/v1/keys?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


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


def test_usage_by_step(api: Caller, root: IssuedKey) -> None:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for minutes, allowed in ((0, 1), (1, 2), (61, 4), (60 * 24, 8)):
        moment = midnight + timedelta(minutes=minutes)
        for step in UsageStep:
            row, _ = Usage.objects.get_or_create(key=root.key, step=step, start=step_start(step, moment))
            Usage.objects.filter(pk=row.pk).update(allowed=row.allowed + allowed)
    path = f"/v1/keys/{root.key.key_id}/usage"
    asked = {"since": midnight.isoformat().replace("+00:00", "Z")}

    def rows(step: str) -> list[int]:
        return [row["allowed"] for row in api.get(path, {**asked, "step": step}).json()]

    assert rows("day") == [7, 8]
    assert rows("hour") == [3, 4, 8]
    assert api.get(path, {**asked, "step": "minute"}).status_code == 422
    until = (midnight + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    minutes = api.get(path, {**asked, "until": until, "step": "minute"}).json()
    assert [row["allowed"] for row in minutes] == [1, 2, 4]
    assert list(minutes[0]) == ["start", "allowed", "throttled"]
    assert RFC3339.fullmatch(minutes[0]["start"])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("since=yesterday", "/since"),
        ("until=5", "/until"),
        ("step=year", "/step"),
        ("since=2099-01-01T00:00:00Z", "/since"),
        ("until=0001-01-01T12:00:00Z", "/since"),
    ],
)
def test_invalid_usage_parameters_are_rejected(api: Caller, root: IssuedKey, query: str, pointer: str) -> None:
    response = api.get(f"/v1/keys/{root.key.key_id}/usage?{query}")
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


CALLS = [
    ("get", "/v1/keys", "keys:read"),
    ("post", "/v1/keys", "keys:write"),
    ("get", "/v1/keys/{}", "keys:read"),
    ("patch", "/v1/keys/{}", "keys:write"),
    ("delete", "/v1/keys/{}", "keys:write"),
    ("post", "/v1/keys/{}/rotate", "keys:write"),
    ("post", "/v1/keys/{}/rotate/finish", "keys:write"),
    ("get", "/v1/keys/{}/usage", "keys:read"),
    ("get", "/v1/events", "events:read"),
    ("get", "/health/full", "health:read"),
    ("get", "/metrics", "metrics:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_call_requires_scope_and_denial_is_charged(
    service: ConfigService, store: MemoryStore, root: IssuedKey, method: str, path: str, scope: str
) -> None:
    others = sorted({"keys:read", "keys:write", "events:read", "health:read", "metrics:read"} - {scope})
    issued = service.issue({"label": "x", "scopes": others})
    caller = Caller(issued.credential.reveal())
    response = getattr(caller, method)(path.format(root.key.key_id))
    assert response.status_code == 403
    assert response.json()["type"].endswith("/problems/insufficient-scope")
    assert scope in response.json()["detail"]
    assert store.peek(issued.key.key_id.encode()).allowed == 1
    assert response["X-RateLimit-Remaining"] == "59"
    assert not Event.objects.exclude(type="KeyIssued").exists()


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_call_requires_key(anonymous: Caller, method: str, path: str, scope: str) -> None:
    response = getattr(anonymous, method)(path.format("lk_000000000000"))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="Latchkey"')
    assert response.json()["type"].endswith("/problems/missing-credential")


def test_exhausted_key_gets_429_with_retry_after(service: ConfigService, store: MemoryStore) -> None:
    issued = service.issue({"label": "x", "rate_limit": {"burst": 2, "per_seconds": 3600}})
    caller = Caller(issued.credential.reveal())
    assert [caller.get("/v1/whoami").status_code for _ in range(3)] == [200, 200, 429]
    response = caller.get("/v1/whoami")
    body = response.json()
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["violated-policies"] == ["key"]
    assert response["Retry-After"] == "1800"
    assert response["RateLimit"] == '"key";r=0;t=1800'
    assert store.peek(issued.key.key_id.encode()).throttled == 2


def test_429_precedes_403(service: ConfigService) -> None:
    issued = service.issue({"label": "x", "rate_limit": {"burst": 1, "per_seconds": 3600}})
    caller = Caller(issued.credential.reveal())
    assert [caller.get("/v1/keys").status_code for _ in range(2)] == [403, 429]


def test_unlimited_key_has_no_rate_limit_fields(service: ConfigService) -> None:
    issued = service.issue({"label": "x", "rate_limit": None})
    response = Caller(issued.credential.reveal()).get("/v1/whoami")
    assert response.json()["rate_limit"] is None
    assert not [name for name in response.headers if "ratelimit" in name.lower()]


def test_address_with_failures_gets_429(root: IssuedKey, anonymous: Caller) -> None:
    anonymous.credentials(HTTP_X_API_KEY=f"{root.key.key_id}:{generate_secret()}")
    answers = [anonymous.get("/v1/whoami") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert answers[-1].json()["violated-policies"] == ["address"]
    assert int(answers[-1]["Retry-After"]) >= 1
    assert "RateLimit" not in answers[-1]
    assert Caller(root.credential.reveal()).get("/v1/whoami").status_code == 200


def test_406_costs_one_token(service: ConfigService, store: MemoryStore) -> None:
    issued = service.issue({"label": "x"})
    caller = Caller(issued.credential.reveal())
    response = caller.get("/v1/whoami", headers={"Accept": "image/png"})
    assert (response.status_code, response["X-RateLimit-Remaining"]) == (406, "59")
    assert store.peek(issued.key.key_id.encode()).allowed == 1
