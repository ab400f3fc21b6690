"""POST /v1/keys/import: what it accepts, who may call it, and how the tokens then work over REST."""

import hashlib
import json
from typing import Any

import pytest

from apikeys.config_service import ConfigService
from apikeys.imports.source_values import MAX_SOURCES
from apikeys.imports.sources import default_import_sources
from apikeys.models import APIKey, ImportSource
from events.models import Event
from tests.apikeys.imports.tables import drf_token
from tests.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/v1/keys/import"
SOURCE = {"name": "drf-api-key", "hash": "sha512", "alphabet": "base62+.", "min_length": 41}


def key_of(token: str, **values: object) -> dict[str, object]:
    return {"digest": hashlib.sha512(token.encode()).hexdigest(), "label": "customer", **values}


def test_import_and_use(api: Caller) -> None:
    token = drf_token()
    body = {
        "source": SOURCE,
        "keys": [key_of(token, scopes=["keys:read", "verify"], owner="acme"), key_of("x", label="")],
    }
    answer = api.post(PATH, body)
    assert answer.status_code == 200
    assert (answer.json()["imported"], answer.json()["unchanged"]) == (1, 0)
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/keys/1/label", "empty")
    assert api.post(PATH, body).json()["unchanged"] == 1
    key = APIKey.objects.get(label="customer")
    event = Event.objects.get(type="KeysImported")
    assert event.actor.startswith("key:lk_")
    assert event.data["keys"] == [key.key_id]
    for fields in (
        {"HTTP_AUTHORIZATION": f"Api-Key {token}"},
        {"HTTP_AUTHORIZATION": f"Bearer {token}"},
        {"HTTP_X_API_KEY": token},
    ):
        caller = Caller()
        caller.credentials(**fields)
        who = caller.get("/v1/whoami").json()
        assert (who["key_id"], who["owner"], who["label"]) == (key.key_id, "acme", "customer")
        assert caller.get(f"/v1/keys/{key.key_id}").status_code == 200
        assert caller.post("/v1/keys", {"label": "no scope"}).status_code == 403
        assert caller.get("/v1/check?scope=verify").headers["X-Latchkey-Key-Id"] == key.key_id
        assert caller.post("/v1/verify", {"credential": token, "scopes": ["verify"]}).json()["key_id"] == key.key_id


def test_verify_of_an_unknown_token(api: Caller) -> None:
    api.post(PATH, {"source": SOURCE, "keys": [key_of(drf_token())]})
    for text in (drf_token(), "no token", ""):
        answer = api.post("/v1/verify", {"credential": text}).json()
        assert (answer["valid"], answer["code"], answer["key_id"]) == (False, "INVALID", None)


def test_unknown_token_and_wrong_secret_get_the_same_answer(api: Caller) -> None:
    api.post(PATH, {"source": SOURCE, "keys": [key_of(drf_token())]})
    answers = []
    for text in (drf_token(), "lk_000000000000:" + json.loads(api.post("/v1/keys", {"label": "x"}).content)["secret"]):
        caller = Caller(text)
        answer = caller.get("/v1/whoami", HTTP_X_REQUEST_ID="same")
        answers.append((answer.status_code, answer.json()))
    assert answers[0] == answers[1]
    assert answers[0][1]["type"].endswith("/problems/invalid-credential")


def test_grants_are_those_of_issuing(service: ConfigService) -> None:
    writer = Caller(service.issue({"label": "writer", "scopes": ["keys:write", "a:b"]}).credential.reveal())
    refused = writer.post(PATH, {"source": SOURCE, "keys": [key_of("x", scopes=["a:b"]), key_of("y", scopes=["c:d"])]})
    assert refused.status_code == 403
    assert "c:d" in refused.json()["detail"]
    assert not APIKey.objects.filter(label="customer").exists()
    assert writer.post(PATH, {"source": SOURCE, "keys": [key_of("x", scopes=["a:b"])]}).json()["imported"] == 1
    reader = Caller(service.issue({"label": "reader", "scopes": ["keys:read"]}).credential.reveal())
    assert reader.post(PATH, {"source": SOURCE, "keys": []}).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/source"),
        ([], ""),
        ({"source": SOURCE, "keys": {}}, "/keys"),
        ({"source": SOURCE, "keys": [{}] * 1001}, "/keys"),
        ({"source": SOURCE, "keys": [], "dry_run": "no"}, "/dry_run"),
        ({"source": SOURCE, "keys": [], "more": 1}, "/more"),
        ({"source": {**SOURCE, "name": "A B"}, "keys": []}, "/source/name"),
        ({"source": {**SOURCE, "hash": "md5"}, "keys": []}, "/source/hash"),
        ({"source": {**SOURCE, "hash": "hmac-sha256:none"}, "keys": []}, "/source/hash"),
        ({"source": {**SOURCE, "alphabet": "base62+,"}, "keys": []}, "/source/alphabet"),
        ({"source": {**SOURCE, "prefix": "a\nb"}, "keys": []}, "/source/prefix"),
        ({"source": {**SOURCE, "min_length": 15}, "keys": []}, "/source/min_length"),
        ({"source": {**SOURCE, "max_length": 40}, "keys": []}, "/source/max_length"),
        ({"source": [], "keys": []}, "/source"),
    ],
)  # fmt: skip
def test_invalid_calls(api: Caller, body: Any, pointer: str) -> None:
    answer = api.post(PATH, body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert not ImportSource.objects.exists()


@pytest.mark.parametrize(
    "entry", [None, 7, [], "text", {}, {"digest": None, "label": "x"}, {"digest": "zz", "label": "x"}]
)
def test_invalid_keys_are_left_out(api: Caller, entry: Any) -> None:
    answer = api.post(PATH, {"source": SOURCE, "keys": [entry, key_of(drf_token())]}).json()
    assert answer["imported"] == 1
    assert [error["pointer"].startswith("/keys/0") for error in answer["errors"]] == [True]


def test_secret_of_ours_in_a_key_is_rejected_for_that_key(api: Caller, service: ConfigService) -> None:
    secret = service.issue({"label": "x"}).credential.secret
    answer = api.post(PATH, {"source": SOURCE, "keys": [key_of("a", metadata={"old": secret}), key_of("b")]})
    assert answer.json()["imported"] == 1
    assert answer.json()["errors"][0]["code"] == "secret"
    assert secret not in answer.content.decode()


def test_answer_is_not_far_larger_than_the_call(api: Caller) -> None:
    answer = api.post(PATH, {"source": SOURCE, "keys": [{}] * 1000})
    assert len(answer.json()["errors"]) == 1000
    assert len(answer.content) < 200_000


def test_sources_are_limited(api: Caller) -> None:
    for number in range(MAX_SOURCES):
        source = {**SOURCE, "name": f"source-{number}"}
        assert api.post(PATH, {"source": source, "keys": [key_of(str(number))]}).json()["imported"] == 1
    answer = api.post(PATH, {"source": {**SOURCE, "name": "one-more"}, "keys": [key_of("more")]})
    assert answer.json()["errors"][0]["code"] == "too-many"


def test_events_of_an_imported_key_begin_with_its_import(api: Caller, service: ConfigService) -> None:
    api.post(PATH, {"source": SOURCE, "keys": [key_of("a"), key_of("b")]})
    one, other = APIKey.objects.filter(label="customer")
    service.revoke(one.key_id)

    def types(key_id: str) -> list[str]:
        return [event["type"] for event in api.get(f"/v1/events?key_id={key_id}").json()["items"]]

    assert types(one.key_id) == ["KeysImported", "KeyRevoked"]
    assert types(other.key_id) == ["KeysImported"]
    assert api.get(f"/v1/events?key_id={one.key_id}&type=KeyRevoked").json()["items"][0]["key_id"] == one.key_id


def test_dry_run(api: Caller) -> None:
    answer = api.post(PATH, {"source": SOURCE, "keys": [key_of("a"), {}], "dry_run": True}).json()
    assert (answer["imported"], len(answer["errors"])) == (1, 1)
    assert not ImportSource.objects.exists()
    assert default_import_sources().digests(drf_token()) == []
