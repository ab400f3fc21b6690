"""The client against a server that answers as told."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from latchkey import Client, headers
from latchkey.client.attempt import Attempt
from latchkey.client.deadline import Deadline
from latchkey.client.failures import CallingKeyThrottled, ReceivedProblem, WrongServer
from latchkey.client.http1.request import Request
from latchkey.client.http1.response import Response
from latchkey.client.key import Key, KeyReceipt
from latchkey.client.rate_limit import RateLimit
from latchkey.client.retries import RetryPolicy
from latchkey.client.sender import Sender
from latchkey.client.usage import UnitUsage
from latchkey.credentials import MalformedCredential
from latchkey.problems import FieldError, ProblemError
from latchkey.trace_context import parse_traceparent
from tests.latchkey.client.responses import CREDENTIAL, KEY, KEY_ID, json_response, problem_response
from tests.latchkey.stub import Stub, StubResponse


def test_key_has_types(client: Client, responses: list[StubResponse]) -> None:
    responses.append(json_response(KEY))
    key = client.keys.show(KEY_ID)
    assert (key.key_id, key.auth.allows("orders:read"), key.rate_limit) == (KEY_ID, True, RateLimit(5, 60))
    assert (key.created_at, key.expires_at) == (datetime(2027, 1, 31, 9, 30, tzinfo=UTC), None)
    assert key.document["of_a_later_version"] == 1


def test_issued_key_does_not_show_its_secret(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(json_response({**KEY, "secret": CREDENTIAL.secret, "credential": CREDENTIAL.reveal()}, 201))
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


def test_create_is_retried_with_the_same_idempotency_key(
    client: Client, responses: list[StubResponse], server: Stub, sleeps: list[float]
) -> None:
    issued = {**KEY, "secret": CREDENTIAL.secret, "credential": CREDENTIAL.reveal()}
    responses += [problem_response(503, "unavailable"), json_response(issued, 201, ETag='"1"')]
    assert client.with_retries(RetryPolicy()).keys.create("billing").key.etag == '"1"'
    first, again = server.requests
    assert first.body == again.body
    assert len(first.fields["idempotency-key"]) == 36
    assert first.fields["idempotency-key"] == again.fields["idempotency-key"]
    responses.append(json_response(issued, 201))
    client.keys.create("billing")
    assert server.requests[-1].fields["idempotency-key"] != first.fields["idempotency-key"]


def test_key_whose_secret_was_lost_gets_another(client: Client, responses: list[StubResponse], server: Stub) -> None:
    rotated = {**KEY, "secret": CREDENTIAL.secret, "credential": CREDENTIAL.reveal()}
    responses += [json_response(KEY, 201, ETag='W/"1"'), json_response(rotated, ETag='"2"')]
    issued = client.keys.create("billing")
    assert (issued.credential, issued.key.etag) == (CREDENTIAL, '"2"')
    rotation = server.requests[-1]
    assert rotation.target == f"/v1/keys/{KEY_ID}/rotate"
    assert json.loads(rotation.body) == {"grace_seconds": 0}
    assert rotation.fields["if-match"] == '"1"', "a proxy that compresses has made it weak"


def test_changes_send_if_match(client: Client, responses: list[StubResponse], server: Stub) -> None:
    issued = json_response({**KEY, "secret": CREDENTIAL.secret, "credential": CREDENTIAL.reveal()})
    responses += [json_response(KEY, ETag='"7"')] * 5 + [issued, StubResponse(204, {"Content-Type": ""}, b"")]
    etag = client.keys.show(KEY_ID).etag
    client.keys.update(KEY_ID, label="x", if_match=etag)
    client.keys.disable(KEY_ID, if_match=etag)
    client.keys.enable(KEY_ID, if_match=etag)
    client.keys.finish_rotation(KEY_ID, secret_id=3, if_match=etag)
    client.keys.rotate(KEY_ID, if_match=etag)
    client.keys.revoke(KEY_ID, if_match=etag)
    assert [request.fields.get("if-match") for request in server.requests] == [None, *['"7"'] * 6]
    assert json.loads(server.requests[4].body) == {"secret_id": 3}
    responses.append(json_response(KEY))
    client.keys.update(KEY_ID, label="x")
    assert "if-match" not in server.requests[-1].fields


def test_a_key_that_may_not_read_gets_receipts(client: Client, responses: list[StubResponse]) -> None:
    new = {"secret": CREDENTIAL.secret, "credential": CREDENTIAL.reveal()}
    responses += [
        json_response({"key_id": KEY_ID, "enabled": False}),
        json_response({"key_id": KEY_ID}),
        json_response({"key_id": KEY_ID, **new}),
        json_response(KEY),
    ]
    assert client.keys.disable(KEY_ID) == KeyReceipt(KEY_ID, {})
    assert client.keys.finish_rotation(KEY_ID) == KeyReceipt(KEY_ID, {})
    issued = client.keys.rotate(KEY_ID)
    assert (issued.key.key_id, issued.credential, issued.key.retiring) == (KEY_ID, CREDENTIAL, None)
    assert CREDENTIAL.secret not in repr(issued)
    assert isinstance(client.keys.enable(KEY_ID), Key)


def test_usage_of_a_key_and_of_the_one_that_calls(client: Client, responses: list[StubResponse], server: Stub) -> None:
    step = {"start": "2027-01-31T09:00:00Z", "allowed": 7, "throttled": 2}
    units = {"units": {"tokens": {"charged": 800, "returned": 288}}}
    responses += [json_response([step, {**step, **units}]), json_response([])]
    found, with_units = client.usage(step="hour")
    assert (found.start, found.allowed, found.throttled) == (datetime(2027, 1, 31, 9, tzinfo=UTC), 7, 2)
    assert (found.units, with_units.units) == ({}, {"tokens": UnitUsage(800, 288)})
    assert client.usage(KEY_ID) == []
    assert [request.target for request in server.requests] == ["/v1/whoami/usage?step=hour", f"/v1/keys/{KEY_ID}/usage"]


def test_callers_of_a_key(client: Client, responses: list[StubResponse], server: Stub) -> None:
    times = {"first_seen": "2027-01-31T09:00:00Z", "last_seen": "2027-01-31T10:00:00Z"}
    responses += [json_response([{"kind": "address", "value": "192.0.2.1", "requests": 7, **times}]), json_response({})]
    (found,) = client.keys.callers(KEY_ID)
    assert (found.kind, found.value, found.requests) == ("address", "192.0.2.1", 7)
    assert found.last_seen == datetime(2027, 1, 31, 10, tzinfo=UTC)
    assert [request.target for request in server.requests] == [f"/v1/keys/{KEY_ID}/callers"]
    with pytest.raises(WrongServer):
        client.keys.callers(KEY_ID)


def test_unlimited_is_said_and_absent_is_not(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(KEY), json_response(KEY)]
    client.keys.update(KEY_ID, rate_limit=None)
    client.keys.update(KEY_ID, label="other")
    assert [json.loads(request.body) for request in server.requests] == [{"rate_limit": None}, {"label": "other"}]


def test_time_without_its_zone_is_not_sent(client: Client, server: Stub) -> None:
    """It would be taken for that of this machine's zone."""
    with pytest.raises(ValueError, match="needs its zone"):
        client.keys.create("ci", expires_at=datetime(2027, 3, 28))
    assert server.requests == []


def test_pages_are_one_iterator(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response({"items": [KEY, KEY], "next": "abc"}), json_response({"items": [KEY], "next": None})]
    assert len(list(client.keys.list(state="active"))) == 3
    assert [request.target for request in server.requests] == [
        "/v1/keys?limit=200&state=active",
        "/v1/keys?cursor=abc&limit=200&state=active",
    ]


def test_problem_carries_the_fields_of_the_server(client: Client, responses: list[StubResponse]) -> None:
    fault = {"pointer": "/label", "code": "empty", "detail": "label must not be empty."}
    responses.append(problem_response(422, "invalid-parameters", errors=[fault], instance="/v1/keys", request_id="r.1"))
    with pytest.raises(ReceivedProblem) as raised:
        client.keys.create("")
    problem = raised.value
    assert isinstance(problem, ProblemError)
    assert (problem.slug, problem.status, problem.title, problem.detail) == ("invalid-parameters", 422, "No", "Why.")
    assert (problem.instance, problem.request_id) == ("/v1/keys", "r.1")
    assert problem.errors == (FieldError("/label", "empty", "label must not be empty."),)
    assert problem.remedy


def throttled(seconds: int, policy: str = "key") -> StubResponse:
    quota = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    return problem_response(429, "", type=quota, retry_after=str(seconds), **{"violated-policies": [policy]})


@pytest.mark.parametrize(
    "call", [lambda client: client.verify(CREDENTIAL), lambda client: client.keys.show(KEY_ID)], ids=["verify", "show"]
)
@pytest.mark.parametrize(
    "response", [throttled(7), problem_response(503, "unavailable", retry_after="7")], ids=["429", "503"]
)
def test_no_call_waits_by_default(
    client: Client,
    responses: list[StubResponse],
    server: Stub,
    sleeps: list[float],
    call: Callable[[Client], object],
    response: StubResponse,
) -> None:
    responses += [response, json_response(KEY)]
    with pytest.raises(ReceivedProblem):
        call(client)
    assert (sleeps, len(server.requests)) == ([], 1)


def test_client_with_retries_waits_for_retry_after(
    client: Client, responses: list[StubResponse], sleeps: list[float]
) -> None:
    patient = client.with_retries(RetryPolicy())
    responses += [throttled(7), throttled(7), json_response(KEY)]
    assert patient.keys.disable(KEY_ID).key_id == KEY_ID
    assert sleeps == [7.0, 7.0]
    responses.append(throttled(61))
    with pytest.raises(CallingKeyThrottled) as raised:
        patient.keys.disable(KEY_ID)
    assert (raised.value.slug, raised.value.retry_after_seconds) == ("quota-exceeded", 61)
    assert raised.value.violated_policies == ("key",)
    assert str(raised.value) == "The rate limit of the calling key is exceeded. Retry in 61 seconds."


def test_throttled_address_is_not_the_key(client: Client, responses: list[StubResponse]) -> None:
    responses.append(throttled(7, "address"))
    with pytest.raises(ReceivedProblem) as raised:
        client.verify(CREDENTIAL)
    assert not isinstance(raised.value, CallingKeyThrottled)


def test_change_is_not_sent_twice(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses.append(problem_response(503, "unavailable"))
    with pytest.raises(ReceivedProblem):
        client.keys.rotate(KEY_ID)
    assert len(server.requests) == 1


def test_calls_carry_one_request_id_and_one_trace(client: Client, responses: list[StubResponse], server: Stub) -> None:
    responses += [json_response(KEY)] * 4
    named = client.with_request_id("deploy.7")
    for caller in (named, named, client, client):
        caller.keys.show(KEY_ID)
    ids = [request.fields[headers.REQUEST_ID.lower()] for request in server.requests]
    traces = [parse_traceparent(request.fields[headers.TRACEPARENT]) for request in server.requests]
    assert ids[:2] == ["deploy.7", "deploy.7"]
    assert len(set(ids)) == 3
    assert len({trace.trace_id for trace in traces if trace}) == 3
    assert len({trace.span_id for trace in traces if trace}) == 4
    with pytest.raises(ValueError, match="a request ID must be"):
        client.with_request_id("a b")


def test_watcher_sees_each_attempt_and_no_secret(server: Stub, responses: list[StubResponse]) -> None:
    seen: list[Attempt] = []
    responses += [problem_response(503, "unavailable"), json_response(KEY)]
    with Client(server.url, CREDENTIAL.reveal(), retries=RetryPolicy(2, 0), observe=seen.append) as client:
        client.keys.show(KEY_ID)
    assert [(call.number, call.status) for call in seen] == [(1, 503), (2, 200)]
    assert isinstance(seen[0].failure, ReceivedProblem)
    assert CREDENTIAL.secret not in repr(seen) + repr(client._transport)


@pytest.mark.parametrize(
    "key_id",
    ["", "lk_short", "../whoami", KEY_ID + "/rotate", CREDENTIAL.reveal()],
    ids=["empty", "short", "up", "rotate", "credential"],
)
def test_what_is_no_key_id_leads_nowhere(client: Client, server: Stub, key_id: str) -> None:
    for call in (client.keys.show, client.keys.revoke, client.keys.rotate, client.usage):
        with pytest.raises(ValueError, match="a key ID must be"):
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


def test_steps_of_an_attempt_share_one_deadline(server: Stub) -> None:
    seen: list[Deadline] = []

    class Recording(Sender):
        def send(self, request: Request, deadline: Deadline, max_body_bytes: int) -> Response:
            seen.append(deadline)
            return Response(200, {"content-type": "application/json", "x-request-id": "r"}, b'{"status": "ok"}')

    with Client(server.url) as client:
        http = Recording(server.url, max_connections=1)
        client._with(http=http, timeout_seconds=5, retries=RetryPolicy(total_seconds=3)).health()
    (deadline,) = seen
    assert 2 < deadline.get("read") <= 3


def test_text_that_is_not_unicode_is_an_error_without_the_credential(client: Client) -> None:
    with pytest.raises(ValueError, match="surrogate") as raised:
        client.verify(CREDENTIAL, scopes=["\ud800"])
    assert (raised.value.__context__, CREDENTIAL.secret in repr(raised.value)) == (None, False)
