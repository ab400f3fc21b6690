"""The client against a server that answers as told."""

import json
from datetime import UTC, datetime

import pytest

from latchkey import Client, headers
from latchkey.client.call import Call
from latchkey.client.failures import ReceivedProblem
from latchkey.client.rate_limit import RateLimit
from latchkey.client.retries import RetryPolicy
from latchkey.credentials import MalformedCredential
from latchkey.problems import FieldError, ProblemError
from latchkey.trace_context import parse_traceparent
from tests.latchkey.client.answering import CREDENTIAL, KEY, KEY_ID, of, refusal
from tests.latchkey.stub import Answer, Request, Stub


def test_key_has_types(client: Client, answers: list[Answer]) -> None:
    answers.append(of(KEY))
    key = client.keys.show(KEY_ID)
    assert (key.key_id, key.auth.allows("orders:read"), key.rate_limit) == (KEY_ID, True, RateLimit(5, 60))
    assert (key.created_at, key.expires_at) == (datetime(2027, 1, 31, 9, 30, tzinfo=UTC), None)
    assert key.document["of_a_later_version"] == 1


def test_issued_key_does_not_show_its_secret(client: Client, answers: list[Answer], server: Stub) -> None:
    answers.append(of({**KEY, "secret": CREDENTIAL.secret, "credential": CREDENTIAL.reveal()}, 201))
    end = datetime(2027, 1, 31, tzinfo=UTC)
    issued = client.keys.create("billing", scopes=["a:b"], rate_limit=RateLimit(1, 2), expires_at=end)
    assert issued.credential == CREDENTIAL
    assert CREDENTIAL.secret not in repr(issued)
    (request,) = server.requests
    assert json.loads(request.body) == {
        "label": "billing",
        "scopes": ["a:b"],
        "rate_limit": {"burst": 1, "per_seconds": 2},
        "expires_at": "2027-01-31T00:00:00Z",
    }


def test_unlimited_is_said_and_absent_is_not(client: Client, answers: list[Answer], server: Stub) -> None:
    answers += [of(KEY), of(KEY)]
    client.keys.update(KEY_ID, rate_limit=None)
    client.keys.update(KEY_ID, label="other")
    assert [json.loads(request.body) for request in server.requests] == [{"rate_limit": None}, {"label": "other"}]


def test_pages_are_one_iterator(client: Client, answers: list[Answer], server: Stub) -> None:
    answers += [of({"items": [KEY, KEY], "next": "abc"}), of({"items": [KEY], "next": None})]
    assert len(list(client.keys.list(state="active"))) == 3
    assert [request.target for request in server.requests] == [
        "/v1/keys?limit=200&state=active",
        "/v1/keys?cursor=abc&limit=200&state=active",
    ]


def test_problem_carries_the_fields_of_the_server(client: Client, answers: list[Answer]) -> None:
    fault = {"pointer": "/label", "code": "empty", "detail": "label must not be empty."}
    answers.append(refusal(422, "invalid-parameters", errors=[fault], instance="/v1/keys", request_id="r.1"))
    with pytest.raises(ReceivedProblem) as raised:
        client.keys.create("")
    problem = raised.value
    assert isinstance(problem, ProblemError)
    assert (problem.slug, problem.status, problem.title, problem.detail) == ("invalid-parameters", 422, "No", "Why.")
    assert (problem.instance, problem.request_id) == ("/v1/keys", "r.1")
    assert problem.errors == (FieldError("/label", "empty", "label must not be empty."),)
    assert problem.remedy


def test_throttled_call_waits_as_long_as_it_is_told(client: Client, answers: list[Answer], waits: list[float]) -> None:
    quota = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    throttled = refusal(429, "", type=quota, retry_after="7", **{"violated-policies": ["key"]})
    answers += [throttled, throttled, of(KEY)]
    assert client.keys.disable(KEY_ID).key_id == KEY_ID
    assert waits == [7.0, 7.0]
    answers.append(refusal(429, "", type=quota, retry_after="61", **{"violated-policies": ["key"]}))
    with pytest.raises(ReceivedProblem) as raised:
        client.keys.disable(KEY_ID)
    assert (raised.value.slug, raised.value.retry_after_seconds) == ("quota-exceeded", 61)
    assert raised.value.violated_policies == ("key",)


def test_change_is_not_sent_twice(client: Client, answers: list[Answer], server: Stub) -> None:
    answers.append(refusal(503, "unavailable"))
    with pytest.raises(ReceivedProblem):
        client.keys.rotate(KEY_ID)
    assert len(server.requests) == 1


def test_calls_carry_one_request_id_and_one_trace(client: Client, answers: list[Answer], server: Stub) -> None:
    answers += [of(KEY)] * 4
    named = client.with_request_id("deploy.7")
    for caller in (named, named, client, client):
        caller.keys.show(KEY_ID)
    ids = [request.fields[headers.REQUEST_ID.lower()] for request in server.requests]
    traces = [parse_traceparent(request.fields[headers.TRACEPARENT]) for request in server.requests]
    assert ids[:2] == ["deploy.7", "deploy.7"]
    assert len(set(ids)) == 3
    assert len({trace.trace_id for trace in traces if trace}) == 3
    assert len({trace.span_id for trace in traces if trace}) == 4
    with pytest.raises(ValueError, match="a request id is"):
        client.with_request_id("a b")


def test_watcher_sees_each_attempt_and_no_secret(server: Stub, answers: list[Answer]) -> None:
    seen: list[Call] = []
    answers += [refusal(503, "unavailable"), of(KEY)]
    with Client(server.url, CREDENTIAL.reveal(), retries=RetryPolicy(2, 0), observe=seen.append) as client:
        client.keys.show(KEY_ID)
    assert [(call.attempt, call.status) for call in seen] == [(1, 503), (2, 200)]
    assert isinstance(seen[0].failure, ReceivedProblem)
    assert CREDENTIAL.secret not in repr(seen) + repr(client._transport)


@pytest.mark.parametrize(
    "key_id",
    ["", "lk_short", "../whoami", KEY_ID + "/rotate", CREDENTIAL.reveal()],
    ids=["empty", "short", "up", "rotate", "credential"],
)
def test_what_is_no_key_id_leads_nowhere(client: Client, server: Stub, key_id: str) -> None:
    for call in (client.keys.show, client.keys.revoke, client.keys.rotate, client.usage):
        with pytest.raises(ValueError, match="a key id is"):
            call(key_id)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["", "keys.example.com", "ftp://a", "https://", "https://a:b@c", "https://a/?b", "https://a b"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        Client(url)


def test_what_is_no_credential(server: Stub) -> None:
    with pytest.raises(MalformedCredential):
        Client(server.url, "hunter2")


def test_request_of_the_stub_is_what_the_contract_says(client: Client, answers: list[Answer], server: Stub) -> None:
    answers.append(of({"valid": True, "code": "VALID", "key_id": KEY_ID, "retry_after": None}))
    assert client.verify(CREDENTIAL, scopes=["a:b"]).valid
    request: Request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/verify")
    assert json.loads(request.body) == {"credential": CREDENTIAL.reveal(), "scopes": ["a:b"], "cost": 1}
