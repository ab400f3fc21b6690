"""Access to the event stream: the same errors as for a page, and the end of a stream whose key loses access."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.server.stream_follower import STREAM, Follower
from tests.server.streams import call, has_events, new_key
from tests.support.server import RunningServer

Headers = dict[str, str]


@pytest.fixture(scope="module")
def credentials(server: RunningServer, root: str) -> dict[str, Headers]:
    """Requests that are refused, each for a reason of its own."""

    def key(scopes: list[str], **values: Any) -> dict[str, Any]:
        return new_key(server, root, scopes=scopes, **values)

    revoked, disabled = key(["events:read"]), key(["events:read"])
    spent = key(["*"], rate_limit={"burst": 1, "per_seconds": 3600})
    call(server, root, "DELETE", f"/v1/keys/{revoked['key_id']}")
    call(server, root, "PATCH", f"/v1/keys/{disabled['key_id']}", json={"enabled": False})
    call(server, spent["credential"], "GET", "/v1/whoami")
    unknown = key(["*"])["credential"].replace("lk_", "lk_")[:3] + "0" * 12 + ":" + revoked["secret"]
    return {
        "missing": {},
        "malformed": {"X-API-Key": "lk_x"},
        "ambiguous": {"X-API-Key": root, "Authorization": f"Bearer {revoked['credential']}"},
        "unknown": {"X-API-Key": unknown},
        "revoked": {"Authorization": f"Bearer {revoked['credential']}"},
        "disabled": {"X-API-Key": disabled["credential"]},
        "scope": {"X-API-Key": key(["keys:read"])["credential"]},
        "spent": {"X-API-Key": spent["credential"]},
        "filter": {"X-API-Key": key(["events:read"])["credential"]},
        "host": {"X-API-Key": root, "Host": "elsewhere.example"},
    }


STATUSES = {"ambiguous": 400, "host": 400, "scope": 403, "filter": 422, "spent": 429}
CASES = ["missing", "malformed", "ambiguous", "unknown", "revoked", "disabled", "scope", "spent", "filter", "host"]
SAME = ("Content-Type", "Cache-Control", "WWW-Authenticate", "RateLimit-Policy", "X-RateLimit-Limit", "Retry-After")


@pytest.mark.parametrize("case", CASES)
def test_stream_errors_match_page_errors(server: RunningServer, credentials: dict[str, Headers], case: str) -> None:
    url = f"{server.url}/v1/events" + ("?type=KeyEaten&after=x" if case == "filter" else "")
    page = httpx.get(url, headers={**credentials[case], "X-Request-Id": "same"})
    stream = httpx.get(url, headers={**credentials[case], "X-Request-Id": "same", **STREAM})
    said = [re.sub(r"\d+ s\.", "N s.", answer.text) for answer in (page, stream)]  # a second may lie between
    assert (page.status_code, said[0]) == (stream.status_code, said[1])
    assert page.status_code == STATUSES.get(case, 401)
    for name in SAME:
        if name == "Retry-After" and case == "spent":
            assert abs(int(page.headers[name]) - int(stream.headers[name])) <= 1
        else:
            assert page.headers.get(name) == stream.headers.get(name), name
    for answer in (page, stream):
        assert answer.headers["X-Request-Id"] == "same"


def test_opening_costs_one_token(server: RunningServer, root: str) -> None:
    limit = {"burst": 5, "per_seconds": 3600}
    for scopes, status in ((["events:read"], 200), (["keys:read"], 403)):
        credential = new_key(server, root, scopes=scopes, rate_limit=limit)["credential"]
        with httpx.stream("GET", f"{server.url}/v1/events", headers={**STREAM, "X-API-Key": credential}) as answer:
            assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (status, "4")
        who = call(server, credential, "GET", "/v1/whoami")
        assert who.headers["X-RateLimit-Remaining"] == "3"


@pytest.mark.parametrize("accept", ["text/event-stream;q=0", "text/event-stream;q=0, application/json"])
def test_unacceptable_stream_is_not_opened(server: RunningServer, root: str, accept: str) -> None:
    answer = httpx.get(f"{server.url}/v1/events?limit=1", headers={"Accept": accept, "X-API-Key": root})
    assert answer.status_code == (200 if "," in accept else 406)
    assert answer.headers["Content-Type"] != STREAM["Accept"]


def test_after_beyond_the_log_is_422(server: RunningServer, root: str) -> None:
    answer = httpx.get(f"{server.url}/v1/events?after=999999999", headers={**STREAM, "X-API-Key": root})
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, ["/after"])


@pytest.mark.parametrize("last_event_id", ["x", "999999999"])
def test_unknown_last_event_id_is_422(server: RunningServer, root: str, last_event_id: str) -> None:
    headers = {**STREAM, "X-API-Key": root, "Last-Event-ID": last_event_id}
    answer = httpx.get(f"{server.url}/v1/events", headers=headers)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/last-event-id"]


def revoke(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "DELETE", f"/v1/keys/{key_id}")


def disable(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "PATCH", f"/v1/keys/{key_id}", json={"enabled": False})


def remove_scope(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "PATCH", f"/v1/keys/{key_id}", json={"scopes": ["keys:read"]})


def replace_secret(server: RunningServer, root: str, key_id: str) -> None:
    call(server, root, "POST", f"/v1/keys/{key_id}/rotate", json={"grace_seconds": 0})


def revoke_by_command(server: RunningServer, root: str, key_id: str) -> None:
    server.manage("revoke_key", key_id, "--yes")


Change = Callable[[RunningServer, str, str], None]


@pytest.mark.parametrize("change", [revoke, disable, remove_scope, replace_secret, revoke_by_command])
def test_stream_ends_when_key_loses_access(server: RunningServer, root: str, change: Change) -> None:
    key = new_key(server, root, scopes=["events:read"])
    followers = [Follower(server, key["credential"]) for _ in range(8)]
    changed = time.monotonic()
    change(server, root, key["key_id"])
    for follower in followers:
        follower.until(lambda seen: seen.ended)
        assert follower.events == []
        follower.close()
    assert time.monotonic() - changed < 8, "or it was the confirmation after 15 s"


def test_stream_survives_harmless_change(server: RunningServer, root: str) -> None:
    key = new_key(server, root, scopes=["events:read"])
    with Follower(server, key["credential"]) as follower:
        call(server, root, "PATCH", f"/v1/keys/{key['key_id']}", json={"label": "renamed"})
        call(server, root, "POST", f"/v1/keys/{key['key_id']}/rotate")
        follower.until(has_events(2))
        assert [event["type"] for event in follower.events] == ["KeyUpdated", "KeyRotated"]
