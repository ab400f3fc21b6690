"""The client against a server that answers as told."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from latchkey import Client, headers
from latchkey.client.call import Call
from latchkey.client.failures import NotJSON, ReceivedProblem, WrongServer
from latchkey.client.rate_limit import RateLimit
from latchkey.client.retries import RetryPolicy
from latchkey.credentials import Credential, MalformedCredential, generate_key_id, generate_secret
from latchkey.problems import FieldError, ProblemError
from latchkey.trace_context import parse_traceparent
from tests.latchkey.stub import PROBLEM, Answer, Request, Stub, stub

KEY_ID = generate_key_id()
CREDENTIAL = Credential(KEY_ID, generate_secret())
KEY: dict[str, Any] = {
    "key_id": KEY_ID,
    "label": "billing",
    "owner": "",
    "scopes": ["orders:read"],
    "rate_limit": {"burst": 5, "per_seconds": 60},
    "enabled": True,
    "state": "active",
    "created_at": "2027-01-31T09:30:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
    "metadata": {},
    "secrets": [
        {"id": 1, "state": "active", "created_at": "2027-01-31T09:30:00Z", "expires_at": None, "last_used_at": None}
    ],
    "of_a_later_version": 1,
}


@pytest.fixture
def answers() -> list[Answer]:
    """What the server answers, one after the other; then 500."""
    return []


@pytest.fixture
def server(answers: list[Answer]) -> Iterator[Stub]:
    with stub(lambda _: answers.pop(0) if answers else Answer(500, {}, b"")) as found:
        yield found


@pytest.fixture
def waits() -> list[float]:
    """What the client slept."""
    return []


@pytest.fixture
def client(server: Stub, waits: list[float]) -> Iterator[Client]:
    with Client(server.url, CREDENTIAL, sleep=waits.append) as client:
        yield client


def of(value: object, status: int = 200, **fields: str) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **fields}, json.dumps(value).encode())


def refusal(status: int, slug: str, *, retry_after: str | None = None, **members: object) -> Answer:
    body = {
        "type": f"https://keys.example/problems/{slug}",
        "title": "No",
        "detail": "Why.",
        "status": status,
        **members,
    }
    fields = PROBLEM | ({"Retry-After": retry_after} if retry_after else {})
    return Answer(status, fields, json.dumps(body).encode())


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


@pytest.mark.parametrize("key_id", ["", "lk_short", "../whoami", KEY_ID + "/rotate", CREDENTIAL.reveal()])
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


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (of([]), WrongServer),
        (of(KEY, 200, **{"X-Request-Id": ""}), WrongServer),
        (of({**KEY, "created_at": "2027-01-31T09:30:00"}), WrongServer),
        (of({**KEY, "enabled": 1}), WrongServer),
        (of({**KEY, "scopes": [1]}), WrongServer),
        (Answer(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"x"), NotJSON),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>"), NotJSON),
    ],
)
def test_foreign_answers(client: Client, answers: list[Answer], answer: Answer, failure: type[Exception]) -> None:
    answers.append(answer)
    with pytest.raises(failure):
        client.keys.show(KEY_ID)


def test_key_is_not_sent_on(client: Client, answers: list[Answer], server: Stub) -> None:
    with stub(lambda _: of(KEY)) as other:
        answers.append(Answer(307, {"Location": f"{other.url}/v1/keys/{KEY_ID}"}))
        with pytest.raises(WrongServer, match="leads to"):
            client.keys.show(KEY_ID)
        assert other.requests == []


def test_answer_without_end_is_not_kept(client: Client, answers: list[Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latchkey.client.transport.MAX_ANSWER_BYTES", 100)
    answers.append(of({**KEY, "label": "x" * 200}))
    with pytest.raises(NotJSON, match="more than 100 bytes"):
        client.keys.show(KEY_ID)


def frames(*ids: int) -> Answer:
    event: dict[str, Any] = {
        "at": "2027-01-31T09:30:00Z",
        "actor": "system",
        "request_id": "",
        "key_id": None,
        "data": {},
        "digest": "",
    }
    lines = [f"id: {i}\nevent: KeyIssued\ndata: {json.dumps({**event, 'id': i, 'type': 'KeyIssued'})}\n\n" for i in ids]
    return Answer(200, {"Content-Type": "text/event-stream"}, "".join(lines).encode())


def test_stream_goes_on_after_its_cuts(client: Client, answers: list[Answer], server: Stub, waits: list[float]) -> None:
    answers += [frames(3, 4), refusal(503, "unavailable", retry_after="10"), frames(4, 5), frames()]
    followed = client.events.follow(after=2, type="KeyIssued")
    assert [next(followed).id for _ in range(3)] == [3, 4, 5]
    assert [request.fields["last-event-id"] for request in server.requests] == ["2", "4", "4"]
    assert {request.target for request in server.requests} == {"/v1/events?type=KeyIssued"}
    assert waits == [1.0, 10.0]


def test_stream_that_cannot_be_opened_fails_at_once(client: Client, answers: list[Answer], waits: list[float]) -> None:
    answers.append(refusal(503, "unavailable"))
    with pytest.raises(ReceivedProblem):
        next(client.events.follow())
    answers += [frames(1), refusal(401, "revoked-key")]
    followed = client.events.follow()
    assert next(followed).id == 1
    with pytest.raises(ReceivedProblem):
        next(followed)
    assert waits == [1.0]


def test_request_of_the_stub_is_what_the_contract_says(client: Client, answers: list[Answer], server: Stub) -> None:
    answers.append(of({"valid": True, "code": "VALID", "key_id": KEY_ID, "retry_after": None}))
    assert client.verify(CREDENTIAL, scopes=["a:b"]).valid
    request: Request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/verify")
    assert json.loads(request.body) == {"credential": CREDENTIAL.reveal(), "scopes": ["a:b"], "cost": 1}
